// kill: ends processes.

import SystemInterface
import UserLibrary

@main enum Kill: Program {
    static var usage: StaticString { OperatorCommand.kill.usage }

    // What follows is the command's, which the shell has too.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 { OperatorCommand.kill.run(arguments.commandWords) }
}
