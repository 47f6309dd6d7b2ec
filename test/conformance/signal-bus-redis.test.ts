// The signal bus's suite on a real Redis.
import { after } from 'node:test'
import { realWorld } from '../../src/base/world.ts'
import { openRedisSignalBus, type RedisSignalBus } from '../../src/control/redis/signal-bus.ts'
import { redisServer, uniqueName } from '../services/available.ts'
import { type SignalBusUnderTest, signalBusSuite } from './signal-bus.ts'

const redis = await redisServer()
after(() => redis.stop())

/** Other tests use the same server: channels of one bus begin with a name of its own. */
function apart(bus: RedisSignalBus, prefix: string): SignalBusUnderTest {
  let closed = false
  let marks = 0
  return {
    bus: {
      publish: (channel, message) => bus.publish(`${prefix}${channel}`, message),
      subscribe: (channel, received) => bus.subscribe(`${prefix}${channel}`, received),
      reconnected: listener => bus.reconnected(listener),
      close: () => {
        closed = true
        return bus.close()
      },
    },
    // Redis keeps the order of one connection: when the mark is heard, everything before it has been.
    delivered: async () => {
      if (closed) return
      marks += 1
      const mark = `${prefix}mark-${marks}`
      const heard = new Promise<string>(resolve => bus.subscribe(mark, resolve))
      await bus.publish(mark, '')
      await heard
    },
  }
}

signalBusSuite({
  name: 'Redis',
  reliable: true,
  skip: redis.skip,
  open: async () =>
    apart(await openRedisSignalBus({ url: redis.get().url, world: realWorld }), `${uniqueName('bus')}-`),
})
