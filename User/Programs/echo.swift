// echo: prints its arguments.

import UserLibrary

@main enum Echo: Program {
    static let usage: StaticString = """
        usage: echo [-n] [word ...]
        Prints the words with a space between them, and ends the line unless -n is given.
        """
    // Only -n in the first place is an option: everything else is printed.
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var endsLine = true
        if arguments.count > 0, arguments[0] == "-n" {
            endsLine = false
            arguments = arguments.dropFirst(1)
        }
        var line = Text()
        for index in 0..<arguments.count {
            if index > 0 { line.append(" ") }
            line.append(arguments[index])
        }
        if endsLine { line.append("\n") }
        standardOutput.write(line)
        return 0
    }
}
