// System calls, processes and the console.

import SystemInterface
import UserLibrary

extension Bench {
    static var processOperations: [Operation] {
        [
            Operation("getpid") { () throws(SystemError) in
                var sum: Int32 = 0
                try measure("getpid", 1000) { () throws(SystemError) in sum &+= System.pid }
            },
            Operation("fork-exit-wait") { () throws(SystemError) in
                try measure("fork-exit-wait", 100) { () throws(SystemError) in
                    if try System.fork() == 0 { System.exit(0) }
                    _ = try System.wait()
                }
            },
            Operation("fork-exit-wait-1m") { () throws(SystemError) in
                let memory = try touchedMemory(pages: 256)
                try measure("fork-exit-wait-1m", 50) { () throws(SystemError) in
                    if try System.fork() == 0 { System.exit(0) }
                    _ = try System.wait()
                }
                try release(memory, pages: 256)
            },
            Operation("fork-exec-wait") { () throws(SystemError) in
                try measure("fork-exec-wait", 50) { () throws(SystemError) in try runTrue() }
            },
            Operation("console-byte") { () throws(SystemError) in
                let interval = try interval(64) { () throws(SystemError) in writeByte(.standardOutput, UInt8(ascii: ".")) }
                print("")
                tell("console-byte", interval.instructions, of: 64)
            },
        ]
    }

    /// Grows by so many pages and writes to each.
    static func touchedMemory(pages: Int) throws(SystemError) -> UnsafeMutablePointer<UInt8> {
        let start = try System.moveBreak(by: Int32(pages * 4096))
        let memory = UnsafeMutablePointer<UInt8>(bitPattern: start)!
        for page in 0..<pages { memory[page * 4096] = 1 }
        return memory
    }

    /// Gives it back; nothing was grown by since.
    static func release(_ memory: UnsafeMutablePointer<UInt8>, pages: Int) throws(SystemError) {
        _ = try System.moveBreak(by: -Int32(pages * 4096))
    }
}
