import { deepStrictEqual, notStrictEqual, strictEqual } from 'node:assert/strict'
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Listing, Listings } from '../../../src/receivers/files/listing.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const never = (reason: string): void => {
  throw new Error(reason)
}

test('a listing answers what was asked before it was made', () => {
  const dir = temporaryDirectory()
  const listings = new Listings(never)
  const [first, second] = [listings.ask(), listings.ask()]
  const listing = listings.of(dir, first)
  strictEqual(listings.of(dir, second), listing)
  writeFileSync(join(dir, 'a'), '')
  const later = listings.of(dir, listings.ask())
  notStrictEqual(later, listing)
  deepStrictEqual(later.beginningWith(''), ['a'])
  strictEqual(listings.of(dir, first), later)
})

test('names are found by their beginning', () => {
  const dir = temporaryDirectory()
  for (const name of ['a', 'app', 'app.log', 'app.log.1', 'app0', 'b']) writeFileSync(join(dir, name), '')
  const listing = new Listing(dir, 0, never)
  const f = (text: string, expected: string[]): void => deepStrictEqual(listing.beginningWith(text), expected)
  f('', ['a', 'app', 'app.log', 'app.log.1', 'app0', 'b'])
  f('app', ['app', 'app.log', 'app.log.1', 'app0'])
  f('app.log', ['app.log', 'app.log.1'])
  f('aq', [])
  f('c', [])
})

test('a file is looked at once, and found by its inode', () => {
  const dir = temporaryDirectory()
  const at = (name: string): string => join(dir, name)
  writeFileSync(at('a'), 'one')
  writeFileSync(at('b'), 'other')
  const { dev, ino } = statSync(at('a'))
  renameSync(at('a'), at('c'))
  const listing = new Listing(dir, 0, never)
  deepStrictEqual(listing.namesOf({ dev, ino }), ['c'])
  deepStrictEqual(listing.namesOf({ dev, ino: 0 }), [])
  const head = listing.headOf('c')
  strictEqual(head?.length, 3)
  rmSync(at('c'))
  strictEqual(listing.statsOf('c')?.size, 3)
  deepStrictEqual(listing.headOf('c'), head)
  strictEqual(listing.statsOf('gone'), null)
  strictEqual(listing.headOf('gone'), null)
})

test('a directory that is gone is empty; of one that cannot be read nothing is known', () => {
  const dir = temporaryDirectory()
  strictEqual(new Listing(join(dir, 'gone'), 0, never).isWhole, true)
  const reasons: string[] = []
  writeFileSync(join(dir, 'file'), '')
  strictEqual(new Listing(join(dir, 'file'), 0, (reason) => reasons.push(reason)).isWhole, false)
  deepStrictEqual(reasons, ['ENOTDIR'])
})
