// The conformance suite of SignalBus on the bus within one process.
import { signalBusSuite } from '../../../test/conformance/signal-bus.ts'
import { createManualWorld } from '../../../test/control/manual-world.ts'
import { createInProcessSignalBus } from './signal-bus.ts'

signalBusSuite({
  name: 'in process',
  reliable: true,
  open: async () => {
    const world = createManualWorld()
    return { bus: createInProcessSignalBus(world.timers), delivered: () => world.settle() }
  },
})
