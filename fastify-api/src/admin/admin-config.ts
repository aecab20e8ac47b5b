import { Type } from '@fastify-uws-auth/auth-contract'
import { ApiConfig } from '../config.js'
import { WorkerConfig } from '../worker-config.js'

const { PASSWORD_PEPPER_PATH, PASSWORD_HASH, BCRYPT_COST } = ApiConfig.properties

/** The API's settings that decide how a password is stored, and where the worker's dead letters are. */
export const AdminConfig = Type.Object({ PASSWORD_PEPPER_PATH, PASSWORD_HASH, BCRYPT_COST, AMQP_URL: WorkerConfig.properties.AMQP_URL })
