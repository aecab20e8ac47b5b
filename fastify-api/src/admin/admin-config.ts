import Type from 'typebox'
import { ApiConfig } from '../config.js'

const { PASSWORD_PEPPER_PATH, PASSWORD_HASH, BCRYPT_COST } = ApiConfig.properties

/** The API's settings that decide how a password is stored. */
export const AdminConfig = Type.Object({ PASSWORD_PEPPER_PATH, PASSWORD_HASH, BCRYPT_COST })
