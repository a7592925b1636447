// grep: prints the lines that match a pattern (PatternParser.swift has the language, Matcher.swift the comparison).

import SystemInterface
import UserLibrary

@main enum Grep: Program {
    static let usage: StaticString = """
        usage: grep [-Evcni] pattern [file ...]
        Prints the lines of the files, or of standard input, that hold the pattern. Exit status 0 if there were any, 1 if there were
        none, 2 after an error.
          .  any character          *  any number of what is before it     [a-z] [^a-z] [[:digit:]]  one of these, none of these
          ^  start of line          $  end of line                         \\  the next character as it is
          \\+ \\?  one or more, one or none   a\\|b  one or the other   \\( \\)  a group   \\{2,5\\}  so many times
          -E  + ? | ( ) { } are written without \\, and with it stand for themselves
          -v  lines that do not match    -c  only count them    -n  with line numbers    -i  upper and lower case alike
        Of a file that is not text the console gets one line. Any pattern takes time in proportion to its length and to that of what it is compared with.
        """
    static let options: StaticString? = "Evcni"

    static func run(_ arguments: Arguments) -> Int32 {
        let (inverted, counting, numbered) = (arguments.has("v"), arguments.has("c"), arguments.has("n"))
        guard arguments.count > 0 else { arguments.refuse("a pattern is needed") }
        var matcher = matcher(arguments)
        let files = arguments.dropFirst(1)
        let named = files.count > 1
        var found = false
        let status = forEachFile(files) { (file, name) throws(SystemError) in
            var lines = LineReader(file)
            var number = 0
            var count = 0
            while let line = try lines.next() {
                number += 1
                guard matcher.matches(line) != inverted else { continue }
                found = true
                count += 1
                if counting { continue }
                if standardOutput.isConsole, line.contains(0) {
                    print("\(name ?? "standard input"): matches, and is not text")
                    return
                }
                var output = Text()
                if named, let name { output = "\(name):" }
                if numbered { output = "\(output)\(number):" }
                output.bytes += line
                print(output)
            }
            if counting { print(named ? "\(name ?? "-"):\(count)" : "\(count)") }
        }
        return status != 0 ? 2 : found ? 0 : 1
    }

    private static func matcher(_ arguments: Arguments) -> Matcher {
        do throws(PatternError) {
            let tree = try PatternParser.parse(
                arguments[0].bytes, isExtended: arguments.has("E"), ignoresCase: arguments.has("i"))
            return try Matcher(tree)
        } catch {
            complain("\(arguments[0]): \(error.reason)")
            end(2)
        }
    }
}
