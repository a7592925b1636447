// free: the memory.

import SystemInterface
import UserLibrary

@main enum Free: Program {
    static let usage: StaticString = """
        usage: free [-p]
        Says how much memory the machine has and how much of it is free, in KiB, or with -p in pages.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var unit: UInt64 = 4
        arguments.takeOptions(usage) { letter, _ in
            unit = 1
            return letter == UInt8(ascii: "p")
        }
        guard arguments.count == 0 else { Arguments.refuse("\(arguments[0]) makes no sense", usage) }
        do throws(SystemError) {
            let counts = try System.resources()
            print("\("     total      used      free" as StaticString)")
            print("\(counts.pages * unit, width: 10)\((counts.pages - counts.freePages) * unit, width: 10)\(counts.freePages * unit, width: 10)")
            return 0
        } catch {
            fail("\(error)")
        }
    }
}
