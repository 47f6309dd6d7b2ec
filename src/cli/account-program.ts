// The commands below `crossbeat account`, with their options and help.
import type { Command } from 'commander'
import type { AccountOptions, AddOptions } from './account.ts'
import type { ProgramOptions } from './program-options.ts'
import { createPaint } from './render.ts'

type Ends = (command: Promise<number>) => Promise<void>

export function addAccountCommands(program: Command, options: ProgramOptions, ends: Ends): void {
  const { output, world, colours } = options
  const tools = { output, random: world.random }
  const account = program.command('account').description('show and change who may use the S3 port, without a restart')
  account
    .command('list')
    .description('show the accounts and the names of their keys')
    .action((_options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.accountList(given(command), output, createPaint(colours)))),
    )
  account
    .command('init')
    .argument('<file>', 'the accounts file to make')
    .description('make an accounts file of the administrator in the data folder')
    .action((file: string, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.accountInit(file, given(command), tools))),
    )
  account
    .command('add')
    .argument('<name>', 'what it is called')
    .option('--email <address>', 'its address, unlike that of any other (default: one that leads nowhere)')
    .option('--admin', 'it may use the internal routes and the control API')
    .description('add an account with a key, which is shown this once')
    .action((name: string, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.accountAdd(name, given<AddOptions>(command), tools))),
    )
  account
    .command('remove')
    .argument('<account>', 'name or number')
    .description('remove an account; its buckets stay')
    .action((name: string, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.accountRemove(name, given(command), tools))),
    )
  addKeyCommands(account, tools, ends)
}

function addKeyCommands(
  account: Command,
  tools: Pick<ProgramOptions, 'output'> & { random: ProgramOptions['world']['random'] },
  ends: Ends,
): void {
  const key = account.command('key').description('change the keys of an account')
  key
    .command('add')
    .argument('<account>', 'name or number')
    .description('add a key, which is shown this once')
    .action((name: string, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.keyAdd(name, given(command), tools))),
    )
  key
    .command('rotate')
    .argument('<account>', 'name or number')
    .argument('[access-key]', 'the key that ends (default: the only one)')
    .description('put a new key in the place of another, at once')
    .action((name: string, access: string | undefined, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.keyRotate(name, access, given(command), tools))),
    )
  key
    .command('remove')
    .argument('<account>', 'name or number')
    .argument('<access-key>', 'the key that ends')
    .description('take a key away, at once')
    .action((name: string, access: string, _options: unknown, command: Command) =>
      ends(import('./account.ts').then(run => run.keyRemove(name, access, given(command), tools))),
    )
}

function given<T extends AccountOptions>(command: Command): T {
  return command.optsWithGlobals<T>()
}
