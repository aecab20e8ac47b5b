import t from 'tap'
import { checkSettings } from '../src/check-settings.js'
import { partEnvironments } from '../src/part-environment.js'
import { loadLocalModeSettings } from '../src/settings.js'

const check = (env: NodeJS.ProcessEnv) => {
  const url = 'postgres://localhost/auth'
  checkSettings(partEnvironments(loadLocalModeSettings(env), env, { api: url, worker: url, ws: url }))
}

t.test('the mistakes of all parts are listed at once, each once', async t => {
  t.doesNotThrow(() => check({}))
  t.throws(() => check({ ACCESS_TOKEN_EXPIRY: '15min', LOG_LEVEL: 'verbose', WS_MESSAGE_RATE: 'x' }), {
    name: 'StartupError',
    message: /^(?=[^]*ACCESS_TOKEN_EXPIRY must)(?=[^]*WS_MESSAGE_RATE must)(?![^]*LOG_LEVEL[^]*LOG_LEVEL)[^]*LOG_LEVEL must/
  })
})
