// halt: powers the machine off.

import SystemInterface
import UserLibrary

@main enum Halt: Program {
    static var usage: StaticString { OperatorCommand.halt.usage }

    // What follows is the command's, which the shell has too.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 { OperatorCommand.halt.run(arguments.commandWords) }
}
