import type { Test } from 'tap'
import type { FrontDoor } from '../fixtures/front-door.js'

/** One thing that holds for the whole from outside; it changes only what is its own. */
export interface Case {
  title: string
  /** Which requirements it is about. */
  ids: string[]
  run (t: Test, door: FrontDoor): Promise<void>
}
