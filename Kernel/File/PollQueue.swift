// The threads that poll one thing: a socket, an end of a pipe, the console. Each poll call has an entry in the queue of each thing that it
// names, so an event wakes the threads that poll for it and no other.

import Machine

/// One call of poll: the thread sleeps in `queue`. Lies on the thread's kernel stack while the call lasts.
struct Poller: ~Copyable {
    var queue = WaitQueue()
}

/// A call's place in one queue.
struct PollEntryLink {
    fileprivate var poller: UnsafeMutablePointer<Poller>?
    fileprivate var queue: UnsafeMutablePointer<PollQueue>?
    fileprivate var next: UnsafeMutablePointer<PollEntryLink>?
    fileprivate var previous: UnsafeMutablePointer<PollEntryLink>?

    init() {}
}

/// Lies at an address that does not change: in a table or a global.
struct PollQueue: ~Copyable {
    private var first = SpinLock<UnsafeMutablePointer<PollEntryLink>?>(nil)

    /// Something changed about the thing: wakes all threads that poll it.
    mutating func wake() {
        if first.peek({ $0 == nil }) { return }
        first.withLock { first in
            var next = first
            while let link = next {
                link.pointee.poller?.pointee.queue.wakeAll()
                next = link.pointee.next
            }
        }
    }

    /// Puts a call into the queue, until `leave`.
    mutating func join(_ link: UnsafeMutablePointer<PollEntryLink>, _ poller: UnsafeMutablePointer<Poller>) {
        link.pointee.poller = poller
        link.pointee.queue = withUnsafeMutablePointer(to: &self) { $0 }  // the address stays the same: see the type's promise
        first.withLock { first in
            link.pointee.previous = nil
            link.pointee.next = first
            first?.pointee.previous = link
            first = link
        }
    }

    /// Takes a call out of the queue that it is in, if it is in one.
    static func leave(_ link: UnsafeMutablePointer<PollEntryLink>) {
        guard let queue = link.pointee.queue else { return }
        queue.pointee.first.withLock { first in
            if let previous = link.pointee.previous { previous.pointee.next = link.pointee.next } else { first = link.pointee.next }
            if let next = link.pointee.next { next.pointee.previous = link.pointee.previous }
        }
        link.pointee.queue = nil
    }
}
