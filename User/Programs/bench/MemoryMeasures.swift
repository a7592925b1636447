// Memory: pages that come when they are touched, pages that are copied when they are written, the break.

import SystemInterface
import UserLibrary

extension Bench {
    private static let pages = 512

    static var memoryOperations: [Operation] {
        [
            Operation("page-lazy") { () throws(SystemError) in
                let memory = try System.moveBreakLazily(by: Int32(pages * 4096))
                let interval = try interval(1, warmUp: 0) { () throws(SystemError) in touch(memory, pages: pages) }
                show("page-lazy", interval.instructions, of: pages)
                try release(pages: pages)
            },
            Operation("page-copy") { () throws(SystemError) in
                let memory = try touchedMemory(pages: pages)
                // The child writes to what the parent still has; the parent sleeps meanwhile.
                try child { () throws(SystemError) in
                    let interval = try interval(1, warmUp: 0) { () throws(SystemError) in touch(memory, pages: pages) }
                    show("page-copy", interval.instructions, of: pages)
                    standardOutput.flush()
                }
                _ = try System.wait()
                try release(pages: pages)
            },
            Operation("sbrk") { () throws(SystemError) in
                try measure("sbrk", 200, times: 2) { () throws(SystemError) in
                    _ = try System.moveBreak(by: 4096)
                    _ = try System.moveBreak(by: -4096)
                }
            },
        ]
    }
}
