// The threads that poll one thing: a socket, an end of a pipe, the console. Each poll call has a place in the queue of
// each thing that it names, so an event wakes the threads that poll for it and no other.

import Machine
import Storage
import Synchronization

/// A poll call's place in one queue. Lies with the call's other places in memory that stays until the call has left all
/// queues.
struct PollPlace: ~Copyable {
    fileprivate var nodePlace = ListNode<PollPlace>()
    /// What the call's thread sleeps in.
    fileprivate let sleeper = AtomicRef<WaitQueue>()
    /// The queue that it is in.
    fileprivate let queue = AtomicRef<PollQueue>()

    init() {}
}

extension Ref where Value == PollPlace {
    fileprivate var node: Ref<ListNode<PollPlace>> { unsafe node(&value.nodePlace) }  // a stored property of the place

    /// Takes a call out of the queue that it is in, if it is in one.
    func leave() {
        guard let queue = value.queue.load() else { return }
        value.queue.store(nil)
        queue.value.remove(self)
    }
}

/// The polls of one thing.
struct PollQueue: ~Copyable, Sendable {
    private let places = LockedList<PollPlace>(.pollQueue)

    init() {}

    /// Wakes all threads that poll the thing: something about it changed.
    @inline(__always)
    func wake() {
        if !places.seemsEmpty { wakeAll() }
    }

    @inline(never)
    private func wakeAll() {
        places.withLock { places in
            var next = places.first
            while let place = next {
                place.value.sleeper.load()?.value.wakeAll()
                next = places.after(place.node)
            }
        }
    }

    /// Puts a call into the queue, until its place's `leave`. The queue stays as long: the call's program keeps the
    /// thing open.
    func join(_ place: Ref<PollPlace>, waking sleeper: Ref<WaitQueue>) {
        place.value.sleeper.store(sleeper)
        unsafe withUnsafePointer(to: self) {
            // the queue stays where it is: a part of a record
            place.value.queue.store(unsafe Ref(unsafe: UnsafeMutablePointer(mutating: $0)))
        }
        places.withLock { $0.append(place.node) }
    }

    fileprivate func remove(_ place: Ref<PollPlace>) {
        places.withLock { places in
            if place.node.value.isListed { places.remove(place.node) }
        }
    }
}
