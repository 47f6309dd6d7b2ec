// Property tests: fast-check, from the same seed each time, so that no run fails where another passed. PROPERTY_SEED chooses another one.
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 1) })

export { default as fc } from 'fast-check'
