import { AMQP_URL, DurationSetting, MAIL_ADDRESS, SharedSettings, SMTP_URL, Type } from '@fastify-uws-auth/auth-contract'

export const WorkerConfig = Type.Object({
  LOG_LEVEL: SharedSettings.LOG_LEVEL,
  HOST: SharedSettings.HOST,
  METRICS_PORT: SharedSettings.METRICS_PORT,
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of the worker role' }),
  AMQP_URL: Type.Optional(Type.String({ format: AMQP_URL, description: 'RabbitMQ (3.10 or later) that carries events; without it the worker hands them to its own consumers. The host may be followed by /vhost' })),
  AUDIT_RETENTION: DurationSetting({ default: '400d', minimum: '30d', maximum: '3650d', description: 'A month of the audit log is deleted when it ended this long ago' }),
  SMTP_URL: Type.Optional(Type.String({ format: SMTP_URL, description: 'Mail server that sends mails; without it each mail is a file in MAIL_DIR. smtps: is TLS; with smtp: a password leaves this machine after STARTTLS only' })),
  MAIL_FROM: Type.Optional(Type.String({ format: MAIL_ADDRESS, description: 'Address that mails come from; needed with SMTP_URL unless it and PUBLIC_URL are this machine. By default no-reply@localhost' })),
  MAIL_DIR: Type.String({ default: '.data/mail', minLength: 1, description: 'Folder for mails when there is no SMTP_URL' }),
  PUBLIC_URL: Type.String({ default: 'http://localhost:3000', format: 'url', description: 'Where browsers reach the API; mails name it' })
})
