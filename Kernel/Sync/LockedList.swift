// A list with the lock that guards it: run queues, wait queues, lists of free slots.

import Machine
import Storage
import Synchronization

/// A list under a spin lock with interrupts off. A constant of the program, or a part of a value made at boot.
struct LockedList<Owner: ~Copyable>: ~Copyable, Sendable {
    private let word: LockWord
    private let list = List<Owner>()

    init(_ rank: LockRank) { word = LockWord(rank) }

    /// Runs `body` alone with the list. `body` does not sleep.
    @inline(__always)
    func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing List<Owner>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let interrupts = interrupts_disable()
        word.acquire()
        defer {
            word.release()
            interrupts_restore(interrupts)
        }
        return try body(list)
    }

    /// A look without the lock: a hint, outdated when it returns.
    @inline(__always)
    var seemsEmpty: Bool { list.isEmpty }
}
