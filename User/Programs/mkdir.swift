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
        return forEachPath(arguments, System.makeDirectory)
    }
}
