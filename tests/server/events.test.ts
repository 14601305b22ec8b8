import { describe, expect, test } from 'vitest'
import { type DomainEvent, Events, type EventType } from '../../src/server/events.js'

const moved = (agent_id: string): DomainEvent => ({ type: 'agent_moved', agent_id })

describe('events', () => {
  test('reach every subscriber of their type in order, before publishing returns', () => {
    const events = new Events(() => {})
    const heard: string[] = []
    events.on('agent_moved', ({ agent_id }) => heard.push(`first ${agent_id}`))
    events.on('agent_moved', ({ agent_id }) => heard.push(`second ${agent_id}`))
    events.on('agent_set_back', ({ agent_id }) => heard.push(`other ${agent_id}`))
    events.publish(moved('a'))
    expect(heard).toEqual(['first a', 'second a'])
    events.publish({ type: 'agent_set_back', agent_id: 'b' })
    expect(heard).toEqual(['first a', 'second a', 'other b'])
  })

  test('do not reach a subscriber that has unsubscribed, even during an event', () => {
    const events = new Events(() => {})
    const heard: string[] = []
    const endSecond = () => second()
    events.on('agent_moved', () => endSecond())
    const second = events.on('agent_moved', ({ agent_id }) => heard.push(agent_id))
    events.publish(moved('a'))
    events.publish(moved('b'))
    expect(heard).toEqual([])
  })

  test('reach the others when one subscriber throws, and its error reaches neither them nor the publisher', () => {
    const failed: [unknown, EventType][] = []
    const events = new Events((error, type) => failed.push([error, type]))
    const fault = new Error('a fault')
    const heard: string[] = []
    events.on('agent_moved', () => {
      throw fault
    })
    events.on('agent_moved', ({ agent_id }) => heard.push(agent_id))
    events.publish(moved('a'))
    expect(heard).toEqual(['a'])
    expect(failed).toEqual([[fault, 'agent_moved']])
  })

  test('have no effect when there is no subscriber', () => {
    const events = new Events((error) => {
      throw error
    })
    expect(() => events.publish(moved('a'))).not.toThrow()
  })
})
