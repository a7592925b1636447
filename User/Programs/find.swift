// find: names below a directory.

import SystemInterface
import UserLibrary

@main enum Find: Program {
    static let usage: StaticString = """
        usage: find [path ...] [-name pattern] [-type d|f|c]
        Prints the paths (the working directory, if none is given) and what is below them.
          -name pattern   only where the last component fits: * any characters, ? any one
          -type letter    only directories, files, or devices
        """

    private struct Filter {
        var pattern: CString?
        var type: Int16?
    }

    static func run(_ arguments: Arguments) -> Int32 {
        var paths: [CString] = []
        var index = 0
        while index < arguments.count, !arguments[index].hasPrefix("-") {
            paths.append(arguments[index])
            index += 1
        }
        var filter = Filter()
        while index < arguments.count {
            guard index + 1 < arguments.count else { Arguments.refuse("\(arguments[index]) wants a value", usage) }
            let value = arguments[index + 1]
            switch (arguments[index], value) {
            case ("-name", _): filter.pattern = value
            case ("-type", "d"): filter.type = FileType.directory.rawValue
            case ("-type", "f"): filter.type = FileType.file.rawValue
            case ("-type", "c"): filter.type = FileType.device.rawValue
            default: Arguments.refuse("\(arguments[index]) \(value) makes no sense", usage)
            }
            index += 2
        }
        if paths.isEmpty { paths = ["."] }
        var result: Int32 = 0
        for path in paths { result |= find(path, filter) }
        return result
    }

    private static func find(_ path: CString, _ filter: Filter) -> Int32 {
        do throws(SystemError) {
            let file = try System.open(path)
            let status = try System.status(file)
            show(path, status.type, filter)
            guard status.type == FileType.directory.rawValue else {
                try System.close(file)
                return 0
            }
            // Closed before going deeper: there are only 16 descriptors.
            var names: [[UInt8]] = []
            var reader = DirectoryReader(file)
            while let name = try reader.next() { names.append(name) }
            try System.close(file)
            var result: Int32 = 0
            for name in names {
                let full = joinPath(path, name)
                result |= full.withUnsafeBufferPointer { find(CString($0.baseAddress!), filter) }
            }
            return result
        } catch {
            complain("\(path): \(error)")
            return 1
        }
    }

    private static func show(_ path: CString, _ type: Int16, _ filter: Filter) {
        if let wanted = filter.type, type != wanted { return }
        if let pattern = filter.pattern {
            let name = lastComponent(of: path) + [0]
            let fits = name.withUnsafeBufferPointer { matches(pattern.start, $0.baseAddress!) }
            if !fits { return }
        }
        print("\(path)")
    }

    /// Whether a name fits a pattern. After a mismatch only the last * can take one byte more, so this is not exponential.
    private static func matches(_ pattern: UnsafePointer<UInt8>, _ name: UnsafePointer<UInt8>) -> Bool {
        var (pattern, name) = (pattern, name)
        var star: UnsafePointer<UInt8>?
        var restart = name
        while name.pointee != 0 {
            if pattern.pointee == UInt8(ascii: "*") {
                star = pattern
                restart = name
                pattern += 1
            } else if pattern.pointee != 0, pattern.pointee == UInt8(ascii: "?") || pattern.pointee == name.pointee {
                pattern += 1
                name += 1
            } else if let star {
                pattern = star + 1
                restart += 1
                name = restart
            } else {
                return false
            }
        }
        while pattern.pointee == UInt8(ascii: "*") { pattern += 1 }
        return pattern.pointee == 0
    }
}
