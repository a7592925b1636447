// dmesg: the kernel's last messages.

import SystemInterface
import UserLibrary

@main enum Dmesg: Program {
    static var usage: StaticString { OperatorCommand.dmesg.usage }

    // What follows is the command's, which the shell has too.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 { OperatorCommand.dmesg.run(arguments.commandWords) }
}
