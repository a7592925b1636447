// rm: removes files and empty directories.

import SystemInterface
import UserLibrary

@main enum Remove: Program {
    static let usage: StaticString = """
        usage: rm file ...
        Removes files, and directories that are empty.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count > 0 else { arguments.refuse("no name is given") }
        return forEachPath(arguments, System.unlink)
    }
}
