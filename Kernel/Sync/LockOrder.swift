// The lock order, in one place. A hart that holds a lock takes only locks further down in this list:
//
//   network stack → family → process table → pipe → disk → tables of open files and pipes → file-system monitor →
//     poll queue → wait queue
//   → timer queue → run queue → page magazine → page allocator → random generator → log → console input → console
//     output
//
// Above all of them stand the locks that a thread may sleep under, which are its own and not its hart's: the file
// system's (FileSystem/Platform.swift has their order) and an open file's offset, which comes before those.
//
// Nothing sleeps under a lock of this list. `make CHECKS=1` builds a kernel that checks both rules at each acquisition;
// the system tests run it.

import Machine
import Storage
import Synchronization

/// A lock's place in the lock order: the higher the number, the further down.
enum LockRank: UInt32 {
    case networkStack = 0
    case family
    case processTable
    case pipe
    case disk
    case fileTables
    case fileSystemMonitor
    case pollQueue
    case waitQueue
    case timerQueue
    case runQueue
    case pageMagazine
    case pageAllocator
    case random
    case log
    case consoleInput
    case consoleOutput

    #if CHECKS
        /// As the list above has it.
        var name: StaticString {
            switch self {
            case .networkStack: "network stack"
            case .family: "family"
            case .processTable: "process table"
            case .pipe: "pipe"
            case .disk: "disk"
            case .fileTables: "tables of open files and pipes"
            case .fileSystemMonitor: "file-system monitor"
            case .pollQueue: "poll queue"
            case .waitQueue: "wait queue"
            case .timerQueue: "timer queue"
            case .runQueue: "run queue"
            case .pageMagazine: "page magazine"
            case .pageAllocator: "page allocator"
            case .random: "random generator"
            case .log: "log"
            case .consoleInput: "console input"
            case .consoleOutput: "console output"
            }
        }
    #endif
}

#if CHECKS
    /// What `make CHECKS=1` checks.
    enum LockOrder {
        /// Before a hart takes a lock: it holds none of the same place or further down.
        @inline(never)
        static func enter(_ rank: LockRank) {
            let bit = UInt64(1) << UInt64(rank.rawValue)
            if thisHart.value.held_locks >= bit {
                wanted.store(rank.rawValue, ordering: .relaxed)
                panic("a lock is taken against the lock order")
            }
            thisHart.value.held_locks |= bit
        }

        /// The lock that was refused, for the panic's report; .max: none was.
        static let wanted = Atomic<UInt32>(.max)

        /// When a hart gives a lock back.
        static func leave(_ rank: LockRank) { thisHart.value.held_locks &= ~(1 << UInt64(rank.rawValue)) }

        /// When a thread goes to sleep.
        static func checkNoneHeld() {
            if thisHart.value.held_locks != 0 { panic("a thread sleeps while its hart holds a lock") }
        }
    }
#endif
