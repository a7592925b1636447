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
    // Options stand behind the paths, and have names.
    static let options: StaticString? = nil

    private struct Filter {
        var pattern: CString?
        var type: Int16?
    }

    static func run(_ arguments: Arguments) -> Int32 {
        var paths: [Path] = []
        var index = 0
        while index < arguments.count, !arguments[index].hasPrefix("-") {
            paths.append(Path(arguments[index]))
            index += 1
        }
        var filter = Filter()
        while index < arguments.count {
            guard index + 1 < arguments.count else { arguments.refuse("\(arguments[index]) needs a value") }
            let value = arguments[index + 1]
            switch (arguments[index], value) {
            case ("-name", _): filter.pattern = value
            case ("-type", "d"): filter.type = FileType.directory.rawValue
            case ("-type", "f"): filter.type = FileType.file.rawValue
            case ("-type", "c"): filter.type = FileType.device.rawValue
            default: arguments.refuse("\(arguments[index]) \(value) is not known")
            }
            index += 2
        }
        if paths.isEmpty { paths = ["."] }
        var result: Int32 = 0
        for path in paths.dropLast() { result |= findInChild(path, filter) }
        return result | find(paths[paths.count - 1], filter)
    }

    /// There is no way back to where it started: all but the last path are a child's.
    private static func findInChild(_ path: Path, _ filter: Filter) -> Int32 {
        standardOutput.flush()
        do throws(SystemError) {
            let child = try System.fork()
            if child == 0 { end(find(path, filter)) }
            return try System.wait().status == 0 ? 0 : 1
        } catch {
            complain("\(path): \(error)")
            return 1
        }
    }

    /// Prints what is below a path. It steps into each directory and back, since a whole path may be longer than a call
    /// takes, and keeps the names to come, level by level.
    private static func find(_ start: Path, _ filter: Filter) -> Int32 {
        var result: Int32 = 0
        var path = start
        var levels: [Level] = []
        var next: Path? = start
        while true {
            if let name = next {
                do throws(SystemError) {
                    if let level = try enter(name, path, filter, within: levels) { levels.append(level) }
                } catch {
                    complain("\(path): \(error)")
                    result = 1
                }
                next = nil
            } else if let level = levels.last {
                if let name = levels[levels.count - 1].names.popLast() {
                    path = level.path.appending(name)
                    next = Path(name)
                } else {
                    levels.removeLast()
                    if levels.isEmpty { return result }
                    do throws(SystemError) { try System.changeDirectory("..") } catch {
                        complain("\(level.path): the way back: \(error)")
                        return 1
                    }
                }
            } else {
                return result
            }
        }
    }

    /// A directory that is entered, and the names in it that are to come, the next one last.
    private struct Level {
        let path: Path
        let inode: UInt32
        var names: [[UInt8]]
    }

    /// Shows a file. If it is a directory, makes it the working directory. On a damaged disk a directory may be within
    /// itself: it is not entered again.
    private static func enter(
        _ name: Path, _ path: Path, _ filter: Filter, within levels: [Level]
    ) throws(SystemError) -> Level? {
        let file = try System.open(name)
        defer { do throws(SystemError) { try System.close(file) } catch {} }  // it is open
        let status = try System.status(file)
        show(path, status.type, filter)
        guard status.type == FileType.directory.rawValue else { return nil }
        guard !levels.contains(where: { $0.inode == status.inode }) else {
            complain("\(path): is within itself; fsck repairs that")
            return nil
        }
        var reader = DirectoryReader(file)
        let names = try reader.all()
        try System.changeDirectory(name)
        return Level(path: path, inode: status.inode, names: names.reversed())
    }

    private static func show(_ path: Path, _ type: Int16, _ filter: Filter) {
        if let wanted = filter.type, type != wanted { return }
        if let pattern = filter.pattern, !matches(pattern, path.lastComponent) { return }
        print("\(standardOutput.shown(Array(path.bytes)))")
    }

    /// Whether a name fits a pattern. After a mismatch only the last * can take one byte more, so this is not
    /// exponential.
    private static func matches(_ pattern: CString, _ name: [UInt8]) -> Bool {
        var (place, index) = (0, 0)
        var star: Int?
        var restart = 0
        while index < name.count {
            if pattern[place] == UInt8(ascii: "*") {
                star = place
                restart = index
                place += 1
            } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") || pattern[place] == name[index] {
                place += 1
                index += 1
            } else if let star {
                place = star + 1
                restart += 1
                index = restart
            } else {
                return false
            }
        }
        while pattern[place] == UInt8(ascii: "*") { place += 1 }
        return place == pattern.count
    }
}
