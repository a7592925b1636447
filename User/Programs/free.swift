// free: the memory.

import SystemInterface
import UserLibrary

@main enum Free: Program {
    static let usage: StaticString = """
        usage: free [-p]
        Says how much memory the machine has and how much of it is free, in KiB, or with -p in pages.
        """
    static let options: StaticString? = "p"

    static func run(_ arguments: Arguments) -> Int32 {
        let unit: UInt64 = arguments.has("p") ? 1 : 4
        arguments.expectNone()
        do throws(SystemError) {
            let counts = try System.resources()
            print("\("     total      used      free" as StaticString)")
            print(
                "\(counts.pages * unit, width: 10)\((counts.pages - counts.freePages) * unit, width: 10)\(counts.freePages * unit, width: 10)"
            )
            return 0
        } catch {
            fail("\(error)")
        }
    }
}
