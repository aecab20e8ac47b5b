import type { Logger } from 'pino'

/** Files, the database and HTTP requests need some as well. */
const OTHER_FILES = 500

/**
 * How many sockets this process may have: as many as are wanted, unless the system allows fewer open files. Beyond those
 * nobody could connect and key files could not be read again.
 */
export function socketsWithinFileLimit (wanted: number, log: Logger): number {
  const { userLimits } = process.report.getReport() as unknown as { userLimits?: { open_files?: { soft: number | string } } }
  const files = Number(userLimits?.open_files?.soft)  // not a number when there is no limit, or none is told
  if (!(files < wanted + OTHER_FILES)) return wanted
  const sockets = Math.max(Math.floor(files / 2), files - OTHER_FILES)
  log.warn({ files, sockets }, 'the system allows fewer open files than WS_MAX_SOCKETS needs; raise the limit (ulimit -n)')
  return sockets
}
