import fc from 'fast-check'
import t from 'tap'
import Type from 'typebox'
import { loadConfig } from '../src/config.js'
import { DurationSetting, NEVER, parseDuration } from '../src/duration.js'

const unit = fc.constantFrom(['', 1], ['s', 1], ['m', 60], ['h', 3600], ['d', 86_400]) as fc.Arbitrary<[string, number]>

t.test('the forms there are', t => {
  for (const [text, seconds] of [['900', 900], ['20s', 20], ['15m', 900], ['12h', 43_200], ['7d', 604_800], ['0', 0], ['0s', 0], ['007s', 7]] as const) {
    t.strictSame(parseDuration(text), { seconds, milliseconds: seconds * 1000 }, text)
  }
  fc.assert(fc.property(fc.nat(999_999_999), unit, (count, [suffix, factor]) => parseDuration(`${count}${suffix}`).seconds === count * factor))
  t.end()
})

t.test('the forms there are not', t => {
  for (const text of ['', ' ', '15 m', ' 15m', '15m ', '15m\n', '15M', '15min', '1.5h', '-5s', '+5s', '1e3', '0x10', '5ms', '5w', '5y', 'm', '1h30m', 'never', 'Infinity',
    'NaN', '1234567890', '１５m', '٥s', '__proto__', '5constructor']) {
    t.throws(() => parseDuration(text), RangeError, JSON.stringify(text))
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
    if (/^\d{1,9}[smhd]?$/.test(text)) return true
    try { parseDuration(text) } catch (err) { return err instanceof RangeError }
    return false
  }))
  t.end()
})

t.test('as a setting: a default, limits that are allowed themselves, and never only where it is', t => {
  const options = { minimum: '5s', maximum: '1h', default: '30s', description: 'a length of time' }
  const Schema = Type.Object({ WAIT: DurationSetting(options), PATIENCE: DurationSetting({ ...options, orNever: true }) })
  t.strictSame(loadConfig(Schema, {}), { WAIT: { seconds: 30, milliseconds: 30_000 }, PATIENCE: { seconds: 30, milliseconds: 30_000 } })
  t.match(loadConfig(Schema, { WAIT: '5s', PATIENCE: '1h' }), { WAIT: { seconds: 5 }, PATIENCE: { seconds: 3600 } })
  t.match(loadConfig(Schema, { WAIT: '60m', PATIENCE: 'never' }), { WAIT: { seconds: 3600 }, PATIENCE: NEVER })
  for (const [env, sentence] of [
    [{ WAIT: '4s' }, 'WAIT must be between 5s and 1h'],
    [{ WAIT: '3601' }, 'WAIT must be between 5s and 1h'],
    [{ WAIT: 'never' }, 'WAIT must be a duration such as 900, 20s, 15m or 7d'],
    [{ PATIENCE: 'Never' }, 'PATIENCE must be a duration such as 900, 20s, 15m or 7d'],
    [{ PATIENCE: '2h' }, 'PATIENCE must be between 5s and 1h']
  ] as const) t.throws(() => loadConfig(Schema, env), { name: 'StartupError', message: sentence })
  t.end()
})
