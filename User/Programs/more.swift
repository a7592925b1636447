// more: a page at a time.

import SystemInterface
import UserLibrary

@main enum More: Program {
    static let usage: StaticString = """
        usage: more [-n lines] [file ...]
        Prints the files, or standard input, a page (22 lines) at a time: Enter for the next page, q and Enter to stop.
        Control characters but tabs are shown as ^X. What does not go to the console is printed as it is, without a stop.
        """
    static let options: StaticString? = "n:"

    static func run(_ arguments: Arguments) -> Int32 {
        let height = arguments.number("n", in: 1...Int.max) ?? 22
        var keys = openKeys()
        var left = height
        return forEachFile(arguments) { (file, _) throws(SystemError) in
            var lines = LineReader(file)
            while let line = try lines.next() {
                if left == 0 {
                    guard try wait(&keys) else { end(0) }
                    left = height
                }
                guard keys != nil else {
                    print("\(line)")
                    continue
                }
                print(visible(line))
                left -= 1
            }
        }
    }

    private static func visible(_ line: [UInt8]) -> Text {
        var text = Text()
        for byte in line {
            if byte < 0x20, byte != 9 {
                text.bytes += [UInt8(ascii: "^"), byte + 64]
            } else {
                text.bytes.append(byte)
            }
        }
        text.bytes = withoutControls(text.bytes)
        return text
    }

    /// The console, to read keys from, if that is where the output goes; standard input may be a pipe.
    private static func openKeys() -> LineReader? {
        do throws(SystemError) {
            guard isConsole(.standardOutput) else { return nil }
            return LineReader(try System.open("/console"))
        } catch {
            return nil
        }
    }

    /// Waits for a key; false if that is q.
    private static func wait(_ keys: inout LineReader?) throws(SystemError) -> Bool {
        standardOutput.write("--more--")
        guard let answer = try keys?.next() else { return false }
        return answer.first != UInt8(ascii: "q")
    }
}
