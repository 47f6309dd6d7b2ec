// The suite that every adapter of SignalBus passes. Losing messages is allowed by the port, so an adapter is asked only for what it must not
// do: throw, mix up channels, or call back after it was told to stop. `reliable` adapters also have to deliver.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SignalBus } from '../../src/control/signal-bus.ts'

export interface SignalBusUnderTest {
  readonly bus: SignalBus
  /** Resolves when what was published has arrived, or will not. */
  delivered(): Promise<void>
}

export interface SignalBusSuite {
  readonly name: string
  /** True if an adapter delivers everything while nothing is broken. */
  readonly reliable: boolean
  /** Why it cannot be tested here. */
  readonly skip?: string | false
  open(): Promise<SignalBusUnderTest>
}

export function signalBusSuite(suite: SignalBusSuite): void {
  describe(`SignalBus: ${suite.name}`, { skip: suite.skip ?? false }, () => {
    test('publishing without listeners does nothing and does not fail', async () => {
      const { bus } = await suite.open()
      await bus.publish('channel', 'message')
      await bus.close()
    })

    test('every listener of a channel hears a message, and no listener of another', {
      skip: !suite.reliable,
    }, async () => {
      const { bus, delivered } = await suite.open()
      const heard: string[] = []
      bus.subscribe('a', message => heard.push(`first ${message}`))
      bus.subscribe('a', message => heard.push(`second ${message}`))
      bus.subscribe('a-b', message => heard.push(`other ${message}`))
      await bus.publish('a', '{"action":"pauseService"}')
      await delivered()
      assert.deepEqual(heard.sort(), ['first {"action":"pauseService"}', 'second {"action":"pauseService"}'])
      await bus.close()
    })

    test('a listener is not called while it is being told, but after the publisher went on', async () => {
      const { bus, delivered } = await suite.open()
      let inside = true
      let calledInside = false
      bus.subscribe('a', () => {
        calledInside ||= inside
      })
      const published = bus.publish('a', 'x')
      inside = false
      await published
      await delivered()
      assert.equal(calledInside, false)
      await bus.close()
    })

    test('one function may listen twice, and stop once', { skip: !suite.reliable }, async () => {
      const { bus, delivered } = await suite.open()
      let calls = 0
      const listener = (): void => {
        calls += 1
      }
      const stop = bus.subscribe('a', listener)
      bus.subscribe('a', listener)
      await bus.publish('a', 'x')
      await delivered()
      assert.equal(calls, 2)
      stop()
      stop()
      await bus.publish('a', 'x')
      await delivered()
      assert.equal(calls, 3)
      await bus.close()
    })

    test('nobody is called after stopping or closing, not even for a message under way', async () => {
      const { bus, delivered } = await suite.open()
      let calls = 0
      const stop = bus.subscribe('a', () => {
        calls += 1
      })
      await bus.publish('a', 'x')
      stop()
      bus.subscribe('b', () => {
        calls += 1
      })
      await bus.publish('b', 'x')
      await bus.close()
      await delivered()
      assert.equal(calls, 0)
      await bus.publish('b', 'after closing')
    })
  })
}
