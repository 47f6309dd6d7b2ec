// Property tests: fast-check, from the same seed each time, so that no run fails where another passed. PROPERTY_SEED chooses another one.
import fc from 'fast-check'

const seed = Number(process.env['PROPERTY_SEED'] ?? 1)
if (!Number.isInteger(seed)) throw new Error('PROPERTY_SEED is not a whole number')

fc.configureGlobal({ seed })

export { default as fc } from 'fast-check'
