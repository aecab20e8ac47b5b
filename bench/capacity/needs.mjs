import { LIMITS, loadWith } from './load.mjs'

const DAY = 86_400
const PARTS = ['api', 'postgres', 'redis', 'worker', 'broker', 'sockets']

/**
 * What a load needs at its peak, from what one operation costs.
 * @param {{ figures: Record<string, { value: number }> }} measurements as `bench/results/operations.json` holds them
 * @param {Record<string, number>} changes of the load, by name
 * @param {number} times how much of it: 10 for ten times
 * @throws {Error} which figure the measurements lack
 */
export function needsOf (measurements, changes = {}, times = 1) {
  const load = loadWith(changes)
  const figure = name => {
    const found = measurements.figures?.[`operations.${name}`]?.value
    if (!Number.isFinite(found)) throw new Error(`the measurements have no figure operations.${name}; run npm run bench:operations where redis-server and rabbitmq-server are installed`)
    return found
  }
  const { keyBits, peakFactor, coldShare } = load
  const atPeak = perDay => perDay * times * peakFactor / DAY
  const perSecond = {
    login: atPeak(load.loginsPerDay),
    refresh: atPeak(load.refreshesPerDay),
    logout: atPeak(load.logoutsPerDay),
    protectedFirst: atPeak(load.refreshesPerDay),
    protected: atPeak(load.refreshesPerDay) * Math.max(0, load.callsPerRefresh - 1),
    connect: atPeak(load.loginsPerDay) * load.connectsPerLogin,
    reauth: atPeak(load.refreshesPerDay) * load.socketsPerRefresh,
    event: atPeak(load.loginsPerDay) + atPeak(load.logoutsPerDay)
  }
  const idOf = operation => operation === 'event' ? 'event' : `${operation}.${keyBits}`
  const operations = Object.keys(perSecond)
  const optional = name => measurements.figures[`operations.${name}`] === undefined ? 0 : figure(name)
  const needed = { login: ['api', 'postgres', 'redis'], refresh: ['api', 'postgres', 'redis'], logout: ['api', 'postgres', 'redis'], protectedFirst: ['api'], protected: ['api'], connect: ['sockets'], reauth: ['sockets'], event: ['worker', 'broker', 'postgres'] }
  const microseconds = (operation, part) => (needed[operation].includes(part) ? figure : optional)(`${idOf(operation)}.${part}Cpu`)
  const cores = Object.fromEntries(PARTS.map(part => [part, sum(operations, operation => perSecond[operation] * microseconds(operation, part)) / 1e6 / load.utilisation]))
  cores.hashing = perSecond.login * figure('hash.cpu') / 1e6 / load.utilisation

  // Full pages go into the log once for each checkpoint interval.
  const walOf = operation => coldShare * figure(`${operation}.cold.${keyBits}.walBytes`) + (1 - coldShare) * figure(`${operation}.${keyBits}.walBytes`)
  const walBytes = perSecond.login * walOf('login') + perSecond.refresh * walOf('refresh') + perSecond.logout * figure(`logout.${keyBits}.walBytes`) + perSecond.event * figure('event.walBytes')
  const commits = sum(operations, operation => perSecond[operation] * figure(`${idOf(operation)}.commits`))
  const redisCommands = sum(['login', 'refresh', 'logout', 'protectedFirst', 'protected'], operation => perSecond[operation] * figure(`${idOf(operation)}.redisCommands`))
  // Each open socket reauthenticates once in so many minutes.
  const openSockets = perSecond.reauth * load.reauthMinutes * 60
  const socketProcesses = openSockets / LIMITS.socketsPerProcess.value
  const sessions = load.loginsPerDay * times * load.sessionDays
  return {
    perSecond,
    cores,
    walMegabytes: walBytes / 1e6,
    commits,
    notifyingCommits: perSecond.logout,
    revocations: perSecond.logout,
    redisCommands,
    brokerMessages: perSecond.event,
    openSockets,
    socketProcesses,
    socketNodes: socketProcesses / LIMITS.socketProcessesPerNode.value,
    socketGigabytes: (openSockets * figure('socket.bytes') + socketProcesses * figure('socketServer.bytes')) / 1e9,
    sessions,
    diskTerabytes: (sessions * figure('bytes.sessions') + (load.loginsPerDay + load.logoutsPerDay) * times * load.auditDays * figure('bytes.audit_log')) / 1e12
  }
}

/** What is needed of each thing of which one node bears only so much, the scarcest first. */
export function bottlenecksOf (needs) {
  const needed = {
    notifyingCommitsPerSecond: needs.notifyingCommits,
    revocationsPerSecond: needs.revocations,
    walMegabytes: needs.walMegabytes,
    commitsPerSecond: needs.commits,
    postgresCores: needs.cores.postgres,
    redisCommandsPerSecond: needs.redisCommands,
    brokerMessagesPerSecond: needs.brokerMessages
  }
  return Object.entries(needed)
    .map(([name, amount]) => ({ name, ...LIMITS[name], needed: amount, nodes: amount / LIMITS[name].value }))
    .sort((a, b) => b.nodes - a.nodes)
}

function sum (names, of) {
  return names.reduce((total, name) => total + of(name), 0)
}
