// System calls, processes and the console.

import SystemInterface
import UserLibrary
import _Volatile

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
                _ = try touchedMemory(pages: 256)
                try measure("fork-exit-wait-1m", 50) { () throws(SystemError) in
                    if try System.fork() == 0 { System.exit(0) }
                    _ = try System.wait()
                }
                try release(pages: 256)
            },
            Operation("fork-exit-wait-sparse") { () throws(SystemError) in
                // In a child: page tables that were needed once stay until their process ends.
                try child { () throws(SystemError) in try measureSparse() }
                _ = try System.wait()
            },
            Operation("fork-exec-wait") { () throws(SystemError) in
                let program = TrueProgram()
                try measure("fork-exec-wait", 50) { () throws(SystemError) in try program.run() }
            },
            Operation("console-byte") { () throws(SystemError) in
                let interval = try interval(64) { () throws(SystemError) in
                    writeByte(.standardOutput, UInt8(ascii: "."))
                }
                print("")
                show("console-byte", interval.instructions, of: 64)
            },
        ]
    }

    /// fork, exit and wait with the break at 240 GiB and eight pages touched far apart.
    private static func measureSparse() throws(SystemError) {
        let start = try System.moveBreak(by: 0)
        for _ in 0..<240 { _ = try System.moveBreakLazily(by: 1 << 30) }
        for page in 0..<8 { touch(start + 4096 + UInt(page) << 34, pages: 1) }
        try measure("fork-exit-wait-sparse", 20) { () throws(SystemError) in
            if try System.fork() == 0 { System.exit(0) }
            _ = try System.wait()
        }
    }

    /// Grows by so many pages and writes to each.
    static func touchedMemory(pages: Int) throws(SystemError) -> UInt {
        let start = try System.moveBreak(by: Int32(pages * 4096))
        touch(start, pages: pages)
        return start
    }

    /// Writes to so many pages from an address on, which the break was moved over.
    static func touch(_ start: UInt, pages: Int) {
        // Pages of this program's own.
        for page in 0..<pages {
            unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: start + UInt(page) * 4096).store(2)
        }
    }

    /// Gives the last pages back.
    static func release(pages: Int) throws(SystemError) {
        _ = try System.moveBreak(by: -Int32(pages * 4096))
    }
}
