// Runs while the image is built: compiles ZooKeeper's client into the cache, because the image that runs has no compiler.
import { obtainZookeeperClient } from '../../src/services/zookeeper-client.ts'

const { path } = await obtainZookeeperClient(what => console.log(`Compiling ${what}.`))
console.log(`It is in ${path}.`)
