// From the text of a pattern to its tree: POSIX's basic and extended regular expressions (Base Definitions, 9.3 and 9.4),
// in the C locale, without back-references; \+ \? \| in basic ones are GNU's.
//
//   alternatives = sequence { "|" sequence }
//   sequence     = { atom { "*" | "+" | "?" | "{n,m}" } }
//   atom         = byte | "." | "[" … "]" | "(" alternatives ")" | "^" | "$"

struct PatternParser {
    /// ( in each other: each takes a part of the stack.
    private static let deepest = 100
    private static let mostRepetitions = 255

    private let text: [UInt8]
    private let isExtended: Bool
    private let ignoresCase: Bool
    private var position = 0
    private var depth = 0

    static func parse(_ text: [UInt8], isExtended: Bool, ignoresCase: Bool) throws(PatternError) -> Pattern {
        var parser = PatternParser(text: text, isExtended: isExtended, ignoresCase: ignoresCase)
        let pattern = try parser.alternatives()
        guard parser.position == text.count else { throw PatternError(reason: "a ) without a (") }
        return pattern
    }

    private init(text: [UInt8], isExtended: Bool, ignoresCase: Bool) {
        self.text = text
        self.isExtended = isExtended
        self.ignoresCase = ignoresCase
    }

    private func byte(_ offset: Int = 0) -> UInt8? {
        position + offset < text.count ? text[position + offset] : nil
    }

    /// Whether one of + ? | ( ) { } stands here as an operator: in a basic expression behind a \\.
    private func isOperator(_ character: Unicode.Scalar) -> Bool {
        let wanted = UInt8(ascii: character)
        return isExtended ? byte() == wanted : byte() == UInt8(ascii: "\\") && byte(1) == wanted
    }

    /// Steps over such an operator if it stands here.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard isOperator(character) else { return false }
        position += isExtended ? 1 : 2
        return true
    }

    private mutating func alternatives() throws(PatternError) -> Pattern {
        var all = [try sequence()]
        while take("|") { all.append(try sequence()) }
        return all.count == 1 ? all[0] : .alternatives(all)
    }

    private mutating func sequence() throws(PatternError) -> Pattern {
        var parts: [Pattern] = []
        while byte() != nil, !isOperator("|") {
            // In an extended expression a ) without a ( stands for itself in no system that counts.
            if isOperator(")") { break }
            parts.append(try repeated(atom(isFirst: parts.isEmpty)))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    /// What stands behind an atom says how often it comes.
    private mutating func repeated(_ atom: Pattern) throws(PatternError) -> Pattern {
        var pattern = atom
        while true {
            if case .lineStart = pattern, !isExtended { return pattern }  // there a * is a character
            if byte() == UInt8(ascii: "*") {
                position += 1
                pattern = .repeated(pattern, least: 0, most: nil)
            } else if take("+") {
                pattern = .repeated(pattern, least: 1, most: nil)
            } else if take("?") {
                pattern = .repeated(pattern, least: 0, most: 1)
            } else if take("{") {
                let least = try number() ?? 0
                var most: Int? = least
                if byte() == UInt8(ascii: ",") {
                    position += 1
                    most = try number()
                }
                guard take("}"), most.map({ $0 >= least }) ?? true else {
                    throw PatternError(reason: "{ needs numbers up to 255, such as {2} {2,} {2,5}, and a }")
                }
                pattern = .repeated(pattern, least: least, most: most)
            } else {
                return pattern
            }
        }
    }

    private mutating func number() throws(PatternError) -> Int? {
        var value: Int?
        while let digit = byte(), digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") {
            value = (value ?? 0) * 10 + Int(digit - UInt8(ascii: "0"))
            position += 1
            guard value! <= Self.mostRepetitions else { throw PatternError(reason: "a number in { } is above 255") }
        }
        return value
    }

    private mutating func atom(isFirst: Bool) throws(PatternError) -> Pattern {
        if take("(") {
            guard depth < Self.deepest else { throw PatternError(reason: "more than 100 ( in each other") }
            depth += 1
            let inner = try alternatives()
            depth -= 1
            guard take(")") else { throw PatternError(reason: "a ) is missing") }
            return inner
        }
        guard let next = byte() else { return .empty }
        position += 1
        switch next {
        case UInt8(ascii: "."):
            var set = ByteSet()
            set.invert()
            return .one(set)
        case UInt8(ascii: "["): return .one(try set())
        case UInt8(ascii: "^") where isExtended || isFirst: return .lineStart
        case UInt8(ascii: "$") where isExtended || byte() == nil || isOperator("|") || isOperator(")"): return .lineEnd
        case UInt8(ascii: "\\"):
            guard let escaped = byte() else { throw PatternError(reason: "nothing after \\") }
            position += 1
            return .one(folded(ByteSet(escaped)))
        default: return .one(folded(ByteSet(next)))
        }
    }

    private func folded(_ set: ByteSet) -> ByteSet {
        var set = set
        if ignoresCase { set.foldCase() }
        return set
    }

    // MARK: [...]

    /// What stands behind a [.
    private mutating func set() throws(PatternError) -> ByteSet {
        var set = ByteSet()
        let isInverted = byte() == UInt8(ascii: "^")
        if isInverted { position += 1 }
        var isFirst = true
        while let first = byte(), isFirst || first != UInt8(ascii: "]") {
            isFirst = false
            if first == UInt8(ascii: "["), byte(1) == UInt8(ascii: ":") {
                try insertClass(&set)
                continue
            }
            position += 1
            if byte() == UInt8(ascii: "-"), let last = byte(1), last != UInt8(ascii: "]") {
                guard first <= last else { throw PatternError(reason: "a range in [ ] goes backwards") }
                set.insert(first, through: last)
                position += 2
            } else {
                set.insert(first)
            }
        }
        guard byte() != nil else { throw PatternError(reason: "a ] is missing") }
        position += 1
        set = folded(set)
        if isInverted { set.invert() }
        return set
    }

    /// [:name:]
    private mutating func insertClass(_ set: inout ByteSet) throws(PatternError) {
        let start = position + 2
        var end = start
        while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
        guard end + 1 < text.count, text[end + 1] == UInt8(ascii: "]"),
            let ranges = Self.ranges(Array(text[start..<end]))
        else {
            throw PatternError(
                reason:
                    "no such class: [:alpha:] [:digit:] [:alnum:] [:upper:] [:lower:] [:space:] [:blank:] [:punct:] [:print:] [:graph:] [:cntrl:] [:xdigit:]"
            )
        }
        for (first, last) in ranges { set.insert(first, through: last) }
        position = end + 2
    }

    private static func ranges(_ name: [UInt8]) -> [(UInt8, UInt8)]? {
        let digits: (UInt8, UInt8) = (0x30, 0x39)
        let upper: (UInt8, UInt8) = (0x41, 0x5a)
        let lower: (UInt8, UInt8) = (0x61, 0x7a)
        func isCalled(_ literal: StaticString) -> Bool {
            name.count == literal.utf8CodeUnitCount
                && name.indices.allSatisfy { unsafe literal.utf8Start[$0] == name[$0] }  // within the literal
        }
        if isCalled("digit") { return [digits] }
        if isCalled("alpha") { return [upper, lower] }
        if isCalled("alnum") { return [digits, upper, lower] }
        if isCalled("upper") { return [upper] }
        if isCalled("lower") { return [lower] }
        if isCalled("space") { return [(9, 13), (32, 32)] }
        if isCalled("blank") { return [(9, 9), (32, 32)] }
        if isCalled("punct") { return [(0x21, 0x2f), (0x3a, 0x40), (0x5b, 0x60), (0x7b, 0x7e)] }
        if isCalled("print") { return [(0x20, 0x7e)] }
        if isCalled("graph") { return [(0x21, 0x7e)] }
        if isCalled("cntrl") { return [(0, 31), (127, 127)] }
        if isCalled("xdigit") { return [digits, (0x41, 0x46), (0x61, 0x66)] }
        return nil
    }
}
