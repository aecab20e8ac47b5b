import { numbersWith } from './load.mjs'

const DAY = 86_400
/** A process reads the rows of the last 30 s again every 2 s. */
const READS_OF_A_ROW = 30 / 2
/** Of those whose CPU time is nothing without this part, the file of the measurements may lack the figure. */
const PARTS_OF = {
  login: ['api', 'postgres', 'redis'],
  refresh: ['api', 'postgres', 'redis'],
  logout: ['api', 'postgres', 'redis'],
  protectedFirst: ['api'],
  protected: ['api'],
  connect: ['sockets'],
  reauth: ['sockets'],
  event: ['worker', 'broker', 'postgres']
}
const OPERATIONS = Object.keys(PARTS_OF)
const REQUESTS = ['login', 'refresh', 'logout', 'protectedFirst', 'protected']

/**
 * What a load needs at its peak, from what one operation costs.
 * @param {{ file: string, figures: Record<string, { value: number }> }} measurements as `readMeasurements` gives them
 * @param {Record<string, number>} changes of the load and the limits, by name
 * @param {number} times how much of it: 10 for ten times
 * @throws {Error} which figure the measurements lack, or what of the changes cannot be
 */
export function needsOf (measurements, changes = {}, times = 1) {
  const numbers = numbersWith(measurements.figures, changes)
  const { keyBits, coldShare, utilisation } = numbers
  const perSecond = ratesOf(numbers, times)
  const has = name => measurements.figures[`operations.${name}`] !== undefined
  const figure = name => {
    const found = measurements.figures[`operations.${name}`]?.value
    if (!Number.isFinite(found)) throw new Error(`${measurements.file} has no figure operations.${name}; npm run bench -- operations writes it where redis-server and rabbitmq-server are installed`)
    return found
  }
  const costOf = (operation, name) => {
    if (operation === 'event') return figure(`event.${name}`)
    const cold = `${operation}.cold.${keyBits}.${name}`
    const warm = figure(`${operation}.${keyBits}.${name}`)
    return has(cold) ? coldShare * figure(cold) + (1 - coldShare) * warm : warm
  }
  const isMeasured = (operation, part) => PARTS_OF[operation].includes(part) || has(`${operation}.${keyBits}.${part}Cpu`)
  const total = (operations, name) => sum(operations, operation => perSecond[operation] * costOf(operation, name))
  const coresOf = part => total(OPERATIONS.filter(operation => isMeasured(operation, part)), `${part}Cpu`) / 1e6 / utilisation

  const redisCommands = total(REQUESTS, 'redisCommands')
  const cores = {
    api: coresOf('api'),
    hashing: perSecond.login * figure('hash.cpu') / 1e6 / utilisation,
    postgres: coresOf('postgres'),
    redis: redisCommands * numbers.redisMicroseconds / 1e6 / utilisation,
    worker: coresOf('worker'),
    broker: coresOf('broker'),
    sockets: coresOf('sockets')
  }
  // Each open socket reauthenticates once in so many minutes.
  const openSockets = perSecond.reauth * numbers.reauthMinutes * 60
  const socketProcesses = openSockets / numbers.socketsPerProcess
  const socketGigabytes = (openSockets * (figure('socket.bytes') + numbers.kernelSocketBytes) + socketProcesses * figure('socketServer.bytes')) / 1e9
  const processes = cores.api + socketProcesses
  const rowsRead = perSecond.logout * READS_OF_A_ROW
  const sessions = numbers.loginsPerDay * times * numbers.sessionDays
  const events = numbers.loginsPerDay * times * (1 + numbers.logoutsPerLogin) * numbers.auditDays
  return {
    numbers,
    perSecond,
    cores,
    processes,
    rowsRead,
    deliveries: perSecond.logout * processes,
    readingShare: rowsRead * numbers.rowMicroseconds / 1e6,
    readingCores: processes * rowsRead * numbers.rowPostgresMicroseconds / 1e6 / utilisation,
    walMegabytes: total(OPERATIONS, 'walBytes') / 1e6,
    // Each process collects what it has to write down for a second: presence, or confirmed generations.
    commits: total(OPERATIONS, 'commits') + processes,
    notifyingCommits: perSecond.logout,
    redisCommands,
    brokerMessages: perSecond.event * numbers.queuesPerEvent,
    openSockets,
    socketProcesses,
    socketGigabytes,
    socketBusyShare: socketProcesses === 0 ? 0 : cores.sockets * utilisation / socketProcesses,
    socketNodes: Math.max(socketGigabytes / numbers.nodeGigabytes, cores.sockets / numbers.nodeCores),
    sessions,
    diskTerabytes: (sessions * figure('bytes.sessions') + events * figure('bytes.audit_log')) / 1e12
  }
}

function ratesOf (numbers, times) {
  const { loginsPerDay, refreshesPerLogin, logoutsPerLogin, connectsPerLogin, callsPerRefresh, socketsPerRefresh, peakFactor } = numbers
  const login = loginsPerDay * times * peakFactor / DAY
  const [refresh, logout] = [login * refreshesPerLogin, login * logoutsPerLogin]
  return {
    login,
    refresh,
    logout,
    protectedFirst: refresh * Math.min(1, callsPerRefresh),
    protected: refresh * Math.max(0, callsPerRefresh - 1),
    connect: login * connectsPerLogin,
    reauth: refresh * socketsPerRefresh,
    event: login + logout
  }
}

function sum (names, of) {
  return names.reduce((total, name) => total + of(name), 0)
}
