// ln: gives a file another name.

import SystemInterface
import UserLibrary

@main enum Link: Program {
    static let usage: StaticString = """
        usage: ln existing new
        Gives an existing file a second name. Both are the same file from then on.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 2 else { arguments.refuse("two names are needed") }
        do throws(SystemError) {
            try System.link(Path(arguments[0]), as: Path(arguments[1]))
            return 0
        } catch {
            fail("\(arguments[0]) as \(arguments[1]): \(error)")
        }
    }
}
