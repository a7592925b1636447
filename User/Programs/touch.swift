// touch: makes files that are not there.

import SystemInterface
import UserLibrary

@main enum Touch: Program {
    static let usage: StaticString = """
        usage: touch file ...
        Makes empty files of those that are not there. The others stay as they are, their times too.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count > 0 else { arguments.refuse("no name is given") }
        return forEachPath(arguments, make)
    }

    private static func make(_ path: Path) throws(SystemError) {
        if !isDirectory(path) { try System.close(try System.open(path, .create)) }
    }
}
