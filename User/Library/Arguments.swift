// The words that a program was started with: options and what follows them.

/// The arguments behind the options, and the options by their letters.
public struct Arguments {
    private let words: ArgumentWords
    private let options: StaticString?
    private let usage: StaticString
    /// The word at which the arguments begin.
    private var start: Int
    /// Where options may stand anywhere: the words that are none, from number 1 on.
    private var others: [CString]?

    /// Ends the program with its usage text if the options are not those that it declares.
    init(_ words: ArgumentWords, _ options: StaticString?, _ usage: StaticString, anywhere: Bool = false) {
        self.words = words
        self.options = options
        self.usage = usage
        start = min(1, words.count)
        if anywhere { others = [""] }
        start = forEachOption({ _, _ in }, { others?.append($0) })
        if anywhere { start = 1 }
    }

    /// The name that the program was called by.
    public static var program: CString {
        let words = ArgumentWords()
        return words.count > 0 ? words[0] : "?"
    }

    /// The address of argv, for tests of what exec makes.
    public static var vectorAddress: UInt { ArgumentWords().address }

    public var count: Int { (others?.count ?? words.count) - start }

    public subscript(index: Int) -> CString { others?[start + index] ?? words[start + index] }

    /// The arguments without the first ones; options stay what they are.
    public func dropFirst(_ number: Int) -> Arguments {
        var rest = self
        rest.start = min(start + number, others?.count ?? words.count)
        return rest
    }

    /// Each as an array of bytes: the words of a command.
    public var commandWords: [[UInt8]] { (0..<count).map { self[$0].bytes } }

    // MARK: Options

    /// Calls `body` with each option's letter and value, as getopt finds them: -a -b, -ab, -n5, -n 5; -- ends them.
    /// - Returns: the word behind the last option.
    @discardableResult
    private func forEachOption(_ body: (UInt8, CString) -> Void, _ other: (CString) -> Void = { _ in }) -> Int {
        guard let options else { return min(1, words.count) }
        let letters = CString(options)
        var index = 1
        while index < words.count {
            let word = words[index]
            guard word[0] == UInt8(ascii: "-"), word.count > 1 else {
                guard others != nil else { break }
                other(word)
                index += 1
                continue
            }
            index += 1
            if word == "--" { break }
            // -5 for -n 5, where a program declares "#": older than getopt, and still what users type.
            if word[1] >= UInt8(ascii: "0"), word[1] <= UInt8(ascii: "9"),
                letters[letters.count - 1] == UInt8(ascii: "#")
            {
                body(UInt8(ascii: "n"), word.dropFirst(1))
                continue
            }
            var place = 1
            while place < word.count {
                let letter = word[place]
                place += 1
                guard let found = (0..<letters.count).first(where: { letters[$0] == letter }),
                    letter != UInt8(ascii: ":"), letter != UInt8(ascii: "#")
                else {
                    refuse("there is no option -\(character: letter)")
                }
                guard letters[found + 1] == UInt8(ascii: ":") else {
                    body(letter, "")
                    continue
                }
                if place < word.count {
                    body(letter, word.dropFirst(place))
                } else if index < words.count {
                    body(letter, words[index])
                    index += 1
                } else {
                    refuse("option -\(character: letter) needs a value")
                }
                break
            }
        }
        if others != nil { for rest in index..<max(index, words.count) { other(words[rest]) } }
        return min(index, words.count)
    }

    /// The value of an option, the last one if it was given several times; nil if it was not given.
    public func value(_ letter: Unicode.Scalar) -> CString? {
        var found: CString?
        forEachOption { if $0 == UInt8(ascii: letter) { found = $1 } }
        return found
    }

    /// Whether an option was given.
    public func has(_ letter: Unicode.Scalar) -> Bool { value(letter) != nil }

    /// The value of an option as a number; nil if it was not given. Ends the program if it is not such a number.
    public func number(_ letter: Unicode.Scalar, in range: ClosedRange<Int>) -> Int? {
        guard let value = value(letter) else { return nil }
        guard let number = value.number, range.contains(number) else {
            if range.upperBound == .max {
                refuse("-\(character: UInt8(ascii: letter)) \(value): not a number from \(range.lowerBound) on")
            }
            refuse(
                "-\(character: UInt8(ascii: letter)) \(value): not a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// The value of an option, a number of seconds, in nanoseconds; nil if it was not given. Ends the program if it is
    /// not one, or less than `least` or more than `most`.
    public func nanoseconds(_ letter: Unicode.Scalar, least: UInt64 = 0, most: UInt64 = .max) -> UInt64? {
        guard let value = value(letter) else { return nil }
        guard let time = value.nanoseconds, time >= least, time <= most else {
            refuse("-\(character: UInt8(ascii: letter)) \(value): not a number of seconds that can be waited for")
        }
        return time
    }

    /// The value of an option, a number of seconds from 0.001 on, in milliseconds as calls take them; nil if it was not
    /// given.
    public func milliseconds(_ letter: Unicode.Scalar) -> Int32? {
        let most = UInt64(Int32.max) * 1_000_000
        return nanoseconds(letter, least: 1_000_000, most: most).map { Int32($0 / 1_000_000) }
    }

    // MARK: Mistakes

    /// Ends the program if there is any argument.
    public func expectNone() {
        if count > 0 { refuse("unexpected argument: \(self[0])") }
    }

    /// Complains about the arguments, shows the usage, and ends the program with status 2.
    public func refuse(_ reason: Text) -> Never {
        complain(reason)
        writeError("\(usage)\n")
        end(2)
    }
}
