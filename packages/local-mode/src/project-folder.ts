import { fileURLToPath } from 'node:url'

/** The folder that holds `start.sh`. Relative paths in local mode's settings start here, wherever it is called from. */
export const PROJECT_FOLDER = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
