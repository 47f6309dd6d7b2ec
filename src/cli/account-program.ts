// The commands below `crossbeat account`, with their options and help. Each loads what it runs when it runs.
import { type Command, Option } from 'commander'
import type { KeysOf } from '../accounts/accounts-edit.ts'
import type { AddOptions } from './account.ts'
import type { AccountOptions, AccountTools } from './account-file.ts'
import type { RotateOptions } from './account-service.ts'
import type { UserAddOptions } from './account-users.ts'
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
  addKeyCommands(account.command('key').description('change the keys of an account'), 'account', tools, ends)
  addUserCommands(account, options, ends)
  addServiceCommands(account, options, ends)
}

function addUserCommands(account: Command, { output, world, colours }: ProgramOptions, ends: Ends): void {
  const tools = { output, random: world.random }
  const user = account.command('user').description('show and change who works for an account, with keys of their own')
  const ofAccount = (name: string, description: string): Command =>
    user.command(name).argument('<account>', 'name or number').description(description)
  ofAccount('list', 'show the users of an account and the names of their keys').action(
    (name: string, _options: unknown, command: Command) =>
      ends(import('./account-users.ts').then(run => run.userList(name, given(command), output, createPaint(colours)))),
  )
  ofAccount('add', 'add a user with a key, which is shown this once')
    .argument('<name>', 'what it is called: 1 to 64 letters, digits and _+=,.@-')
    .addOption(
      new Option('--rights <rights>', 'what bucket policies allow to it, or what its account may')
        .choices(['policies', 'account'])
        .default('policies'),
    )
    .action((name: string, added: string, _options: unknown, command: Command) =>
      ends(import('./account-users.ts').then(run => run.userAdd(name, added, given<UserAddOptions>(command), tools))),
    )
  ofAccount('remove', 'remove a user with its keys')
    .argument('<user>', 'name or arn')
    .action((name: string, removed: string, _options: unknown, command: Command) =>
      ends(import('./account-users.ts').then(run => run.userRemove(name, removed, given(command), tools))),
    )
  addKeyCommands(user.command('key').description('change the keys of a user'), 'user', tools, ends)
}

function addServiceCommands(account: Command, { output, world }: ProgramOptions, ends: Ends): void {
  account
    .command('service')
    .description('change what the processes of the distributed engine sign with to each other')
    .command('rotate')
    .option('--now', 'end all former keys at once, as after one has become known')
    .description('make another key, and let the former one end when all processes know it')
    .action((_options: unknown, command: Command) =>
      ends(import('./account-service.ts').then(run => run.serviceRotate(given<RotateOptions>(command), output, world))),
    )
}

/** The same commands for the keys of accounts and of their users, who are named after their account. */
function addKeyCommands(key: Command, owner: keyof KeysOf, tools: AccountTools, ends: Ends): void {
  const ofOwner = (name: string, description: string): Command => {
    const command = key.command(name).argument('<account>', 'name or number').description(description)
    return owner === 'user' ? command.argument('<user>', 'name or arn') : command
  }
  const read = ({ args }: Command): { readonly of: KeysOf; readonly access: string | undefined } => {
    const [account = '', second, third] = args
    return owner === 'user'
      ? { of: { account, user: second ?? '' }, access: third }
      : { of: { account }, access: second }
  }
  ofOwner('add', 'add a key, which is shown this once').action(function (this: Command) {
    return ends(import('./account-keys.ts').then(run => run.keyAdd(read(this).of, given(this), tools)))
  })
  ofOwner('rotate', 'put a new key in the place of another, at once')
    .argument('[access-key]', 'the key that ends (default: the only one)')
    .action(function (this: Command) {
      const { of, access } = read(this)
      return ends(import('./account-keys.ts').then(run => run.keyRotate(of, access, given(this), tools)))
    })
  ofOwner('remove', 'take a key away, at once')
    .argument('<access-key>', 'the key that ends')
    .action(function (this: Command) {
      const { of, access = '' } = read(this)
      return ends(import('./account-keys.ts').then(run => run.keyRemove(of, access, given(this), tools)))
    })
}

function given<T extends AccountOptions>(command: Command): T {
  return command.optsWithGlobals<T>()
}
