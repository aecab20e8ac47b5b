-- Up Migration

alter table mails add column request_id text;

comment on column mails.request_id is 'of the request that the mail is about, for the log; null when there was none';
