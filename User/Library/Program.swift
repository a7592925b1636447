// A program: its usage text and its body. Arguments and options; --help is understood by all.

import UserMachine

/// What a user program is. Mark the type @main.
public protocol Program {
    /// What --help prints: a usage line, then what the program does and its options.
    static var usage: StaticString { get }
    /// The program; its result is the exit status.
    static func run(_ arguments: Arguments) -> Int32
}

extension Program {
    public static func main() {
        if Arguments.count > 1, Arguments.all[1] == "--help" {
            print("\(usage)")
            end(0)
        }
        end(run(Arguments.all.dropProgram()))
    }
}

/// Arguments of the program, without its name.
public struct Arguments {
    private let vector: UnsafePointer<UnsafePointer<UInt8>>
    public private(set) var count: Int

    fileprivate static var all: Arguments {
        let vector = UnsafeRawPointer(program_argument_vector()!).assumingMemoryBound(to: UnsafePointer<UInt8>.self)
        return Arguments(vector: vector, count: count)
    }

    fileprivate static var count: Int { Int(program_argument_count()) }

    /// argv as exec made it: so many pointers as `count` says and one for the program, and a NULL.
    public static var vector: UnsafePointer<UnsafePointer<UInt8>?> {
        UnsafeRawPointer(program_argument_vector()!).assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
    }

    /// The name that the program was called by.
    public static var program: CString { count > 0 ? all[0] : CString("?") }

    private init(vector: UnsafePointer<UnsafePointer<UInt8>>, count: Int) {
        self.vector = vector
        self.count = count
    }

    public subscript(index: Int) -> CString {
        precondition(index >= 0 && index < count)
        return CString(vector[index])
    }

    fileprivate func dropProgram() -> Arguments { dropFirst(1) }

    public func dropFirst(_ number: Int) -> Arguments {
        let number = min(number, count)
        return Arguments(vector: vector + number, count: count - number)
    }

    /// Takes options off the front, as getopt does: -a -b, -ab, -n5, -n 5; -- ends them. `withValue` lists the letters that want
    /// a value; `take` gets each letter, with its value, and returns false for a letter it does not know.
    /// Ends the program with the usage text at a mistake.
    public mutating func takeOptions(
        _ usage: StaticString, withValue: StaticString = "", _ take: (UInt8, CString) -> Bool
    ) {
        while count > 0, self[0].start[0] == 0x2d, self[0].start[1] != 0 {
            let argument = self[0]
            self = dropFirst(1)
            if argument == "--" { return }
            var index = 1
            while argument.start[index] != 0 {
                let letter = argument.start[index]
                index += 1
                var value = CString("")
                if Self.contains(withValue, letter) {
                    if argument.start[index] != 0 {
                        value = argument.dropFirst(index)
                    } else if count > 0 {
                        value = self[0]
                        self = dropFirst(1)
                    } else {
                        Self.refuse("option -\(character: letter) wants a value", usage)
                    }
                    if !take(letter, value) { Self.refuse("-\(character: letter) \(value) makes no sense", usage) }
                    break
                }
                if !take(letter, value) { Self.refuse("there is no option -\(character: letter)", usage) }
            }
        }
    }

    /// Complains about the arguments, shows the usage, and ends the program with status 2.
    public static func refuse(_ reason: Text, _ usage: StaticString) -> Never {
        complain(reason)
        var error = Output(.standardError)
        error.write("\(usage)\n")
        error.flush()
        end(2)
    }

    private static func contains(_ letters: StaticString, _ letter: UInt8) -> Bool {
        for index in 0..<letters.utf8CodeUnitCount where letters.utf8Start[index] == letter { return true }
        return false
    }
}
