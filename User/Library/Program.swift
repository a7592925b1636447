// A program: its usage text, its options and its body.

import UserMachine

/// What a user program is. Mark the type @main.
public protocol Program {
    /// What --help prints: a usage line, then what the program does and its options.
    static var usage: StaticString { get }
    /// The letters of the options, each with a colon behind it if it takes a value, as in getopt: "c:n" for -c VALUE
    /// and -n. "#" at the end: -5 is -n 5. nil: no word is an option.
    static var options: StaticString? { get }
    /// Options may stand behind arguments, too: ping host -c 3.
    static var takesOptionsAnywhere: Bool { get }
    /// The program; its result is the exit status.
    static func run(_ arguments: Arguments) -> Int32
}

extension Program {
    public static var options: StaticString? { "" }
    public static var takesOptionsAnywhere: Bool { false }

    public static func main() {
        let words = ArgumentWords()
        if words.count > 1, words[1] == "--help" {
            print("\(usage)")
            end(0)
        }
        end(run(Arguments(words, options, usage, anywhere: takesOptionsAnywhere)))
    }
}

/// argv as exec made it.
@safe
struct ArgumentWords {
    private let vector: UnsafePointer<UnsafePointer<UInt8>>
    let count: Int

    init() {
        count = Int(program_argument_count())
        // As many pointers as the count says, and a NULL: exec made them.
        unsafe vector = UnsafeRawPointer(program_argument_vector()!).assumingMemoryBound(to: UnsafePointer<UInt8>.self)
    }

    subscript(index: Int) -> CString {
        precondition(index >= 0 && index < count, "there is no such argument")
        return unsafe CString(unsafe: vector[index])  // arguments live as long as the program
    }

    var address: UInt { unsafe UInt(bitPattern: vector) }
}
