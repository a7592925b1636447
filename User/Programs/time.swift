// time: how long a program takes.

import SystemInterface
import UserLibrary

@main enum Time: Program {
    static let usage: StaticString = """
        usage: time program [argument ...]
        Runs the program and says on standard error how long it took. Exit status: the program's.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count > 0 else { arguments.refuse("a program is needed") }
        let start = System.clock
        do throws(SystemError) {
            let status = try runProgram(arguments.commandWords)
            writeError("real \(milliseconds: System.clock - start) ms\n")
            return status
        } catch {
            fail("\(arguments[0]): \(error)")
        }
    }
}
