import t from 'tap'
import { deliveryTests } from './fixtures/delivery-tests.js'

t.test('events that are fed directly', async t => await deliveryTests(t, undefined))
