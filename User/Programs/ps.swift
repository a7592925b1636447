// ps: the processes.

import SystemInterface
import UserLibrary

@main enum Processes: Program {
    static var usage: StaticString { OperatorCommand.ps.usage }

    // What follows is the command's, which the shell has too.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 { OperatorCommand.ps.run(arguments.commandWords) }
}
