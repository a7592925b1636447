// Comparing lines with a pattern: Thompson's construction. The pattern becomes a program for a machine that is in several
// places at once; each byte of a line moves all of them one step, so no line takes longer than its length times the
// program's, whatever the pattern.

struct Matcher {
    private enum Instruction {
        case one(ByteSet)
        case lineStart
        case lineEnd
        /// Goes on in both places.
        case split(Int, Int)
        case jump(Int)
        case match
    }

    /// Repetitions in repetitions make programs long.
    private static let mostInstructions = 20_000

    private var program: [Instruction] = []
    /// Places in the program that the machine is in, and the line's byte at which each was entered last.
    private var current: [Int] = []
    private var next: [Int] = []
    private var entered: [Int] = []
    private var stack: [Int] = []

    /// - Throws: a pattern that is too long.
    init(_ pattern: Pattern) throws(PatternError) {
        try compile(pattern)
        program.append(.match)
    }

    private mutating func emit(_ instruction: Instruction) throws(PatternError) {
        guard program.count < Self.mostInstructions else { throw PatternError(reason: "too many repetitions") }
        program.append(instruction)
    }

    private mutating func compile(_ pattern: Pattern) throws(PatternError) {
        switch pattern {
        case .empty: break
        case .one(let set): try emit(.one(set))
        case .lineStart: try emit(.lineStart)
        case .lineEnd: try emit(.lineEnd)
        case .sequence(let parts): for part in parts { try compile(part) }
        case .alternatives(let all):
            var jumps: [Int] = []
            for (index, each) in all.enumerated() {
                let split = program.count
                if index < all.count - 1 { try emit(.jump(0)) }
                try compile(each)
                guard index < all.count - 1 else { break }
                jumps.append(program.count)
                try emit(.jump(0))
                program[split] = .split(split + 1, program.count)
            }
            for jump in jumps { program[jump] = .jump(program.count) }
        case .repeated(let inner, let least, let most):
            for _ in 0..<least { try compile(inner) }
            guard let most else { return try compileAnyNumber(inner) }
            var splits: [Int] = []
            for _ in least..<most {
                splits.append(program.count)
                try emit(.jump(0))
                try compile(inner)
            }
            for split in splits { program[split] = .split(split + 1, program.count) }
        }
    }

    private mutating func compileAnyNumber(_ inner: Pattern) throws(PatternError) {
        let split = program.count
        try emit(.jump(0))
        try compile(inner)
        try emit(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    /// Whether a line holds the pattern.
    mutating func matches(_ line: [UInt8]) -> Bool {
        entered = [Int](repeating: -1, count: program.count)
        current.removeAll(keepingCapacity: true)
        for position in 0...line.count {
            // A match may begin at each byte.
            if enter(0, at: position, of: line.count, inNext: false) { return true }
            guard position < line.count else { return false }
            next.removeAll(keepingCapacity: true)
            for place in current {
                guard case .one(let set) = program[place], set.contains(line[position]) else { continue }
                if enter(place + 1, at: position + 1, of: line.count, inNext: true) { return true }
            }
            swap(&current, &next)
        }
        return false
    }

    /// Puts the machine into a place, and into all that it gets to from there without a byte.
    /// - Returns: whether one of them is the end.
    private mutating func enter(_ place: Int, at position: Int, of end: Int, inNext: Bool) -> Bool {
        stack.append(place)
        while let place = stack.popLast() {
            guard entered[place] != position else { continue }
            entered[place] = position
            switch program[place] {
            case .one: if inNext { next.append(place) } else { current.append(place) }
            case .lineStart: if position == 0 { stack.append(place + 1) }
            case .lineEnd: if position == end { stack.append(place + 1) }
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .jump(let target): stack.append(target)
            case .match:
                stack.removeAll(keepingCapacity: true)
                return true
            }
        }
        return false
    }
}
