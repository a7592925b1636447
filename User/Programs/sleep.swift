// sleep: waits.

import SystemInterface
import UserLibrary

@main enum Sleep: Program {
    static let usage: StaticString = """
        usage: sleep seconds
        Waits for so long; fractions such as 0.25 are understood.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 1, let time = arguments[0].nanoseconds else {
            arguments.refuse("a number of seconds is needed")
        }
        do throws(SystemError) { try System.sleep(nanoseconds: time) } catch { fail("\(error)") }
        return 0
    }
}
