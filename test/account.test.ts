import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Account } from '../src/account.ts'
import { enqueuedLine, Ledger } from '../src/ledger.ts'

const booked = (account: Account): string =>
  account
    .samples('otlp')
    .map(({ labels, value }) => `${labels.reason || labels.outcome} ${value}`)
    .join(', ')

/** An account of 100 enqueued items, and the means to enqueue more. */
function opened(): { account: Account; enqueue(items: number): void } {
  const ledger = new Ledger()
  const account = new Account(ledger, 'traces')
  const enqueue = (items: number): void => ledger.add('traces', [enqueuedLine(items)])
  enqueue(100)
  return { account, enqueue }
}

test('enqueued = delivered + dropped + held', () => {
  const { account, enqueue } = opened()
  strictEqual(account.held, 100)
  account.reach(0, 'damaged')
  account.take(60)
  account.deliver(50)
  account.drop('rejected', 10)
  strictEqual(account.held, 40)
  enqueue(5)
  strictEqual(account.held, 45)
  strictEqual(booked(account), 'delivered 50, rejected 10')
})

test('what is missing between two entries is booked', () => {
  const { account } = opened()
  account.reach(30, 'damaged')
  strictEqual(account.held, 70)
  account.deliver(70)
  strictEqual(booked(account), 'delivered 70, damaged 30')
  strictEqual(account.held, 0)
})

test('what is evicted is booked at once, but for what is being sent', () => {
  const { account } = opened()
  account.reach(0, 'damaged')
  account.take(20)
  account.evictedUpTo(50)
  strictEqual(account.held, 70)
  account.deliver(20)
  strictEqual(account.held, 50)
  account.reach(50, 'damaged')
  strictEqual(booked(account), 'delivered 20, evicted 30')
  account.evictedUpTo(60)
  account.evictedUpTo(80)
  account.reach(80, 'damaged')
  strictEqual(booked(account), 'delivered 20, evicted 60')
  strictEqual(account.held, 20)
})

test('an eviction behind what is being sent takes nothing', () => {
  const { account } = opened()
  account.reach(0, 'damaged')
  account.take(40)
  account.evictedUpTo(30)
  account.deliver(40)
  account.reach(40, 'damaged')
  strictEqual(booked(account), 'delivered 40')
})

test('an exporter that comes later owes nothing for what was before, and goes on from its snapshot', () => {
  const ledger = new Ledger()
  ledger.add('traces', [enqueuedLine(1_000)])
  const account = new Account(ledger, 'traces')
  strictEqual(account.held, 0)
  ledger.add('traces', [enqueuedLine(10)])
  account.reach(1_000, 'damaged')
  account.deliver(4)
  const next = new Account(ledger, 'traces')
  next.restore(account.snapshot())
  strictEqual(next.held, 6)
  strictEqual(booked(next), 'delivered 4')
})
