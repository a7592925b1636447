// mkdir: makes directories.

import SystemInterface
import UserLibrary

@main enum Mkdir: Program {
    static let usage: StaticString = """
        usage: mkdir directory ...
        Makes the directories.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count > 0 else { arguments.refuse("no name is given") }
        return forEachArgument(arguments) { (name) throws(SystemError) in try System.makeDirectory(Path(name)) }
    }
}
