import { CLOSING, FRAMING } from '../conformance/cases/framing.js'
import { HANDSHAKE } from '../conformance/cases/handshake.js'
import type { Case } from './case.js'
import { keepsContract } from './socket-contract.js'

export const cases: Case[] = [{
  title: 'RFC 6455, sections 5, 6 and 8.1, through nginx: masks, reserved bits, opcodes, fragments, control frames, UTF-8, lengths',
  ids: ['WS-08'],
  run: (t, door) => keepsContract(t, door, FRAMING)
}, {
  title: 'RFC 6455, section 7, through nginx: close codes and how a connection ends',
  ids: ['WS-08'],
  run: (t, door) => keepsContract(t, door, CLOSING)
}, {
  title: 'RFC 6455, section 4, through nginx: the opening handshake',
  ids: ['WS-08'],
  run: (t, door) => keepsContract(t, door, HANDSHAKE)
}]
