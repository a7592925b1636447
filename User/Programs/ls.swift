// ls: lists directories, as xv6 prints them: name, type, inode number, size; with -l more as other systems do.

import SystemInterface
import UserLibrary

@main enum List: Program {
    static let usage: StaticString = """
        usage: ls [-l] [file ...]
        Lists the files, or what the directories hold: name, type (1 directory, 2 file, 3 device), inode number, size in bytes.
          -l  type (d directory, - file, c device), number of names, size in bytes, last change (UTC), name
        """
    static let options: StaticString? = "l"

    static func run(_ arguments: Arguments) -> Int32 {
        let isLong = arguments.has("l")
        if arguments.count == 0 { return list(".", isLong) }
        var status: Int32 = 0
        for index in 0..<arguments.count { status |= list(Path(arguments[index]), isLong) }
        return status
    }

    /// Lists a file or a directory; the exit status.
    private static func list(_ path: Path, _ isLong: Bool) -> Int32 {
        do throws(SystemError) {
            let file = try System.open(path)
            let status = try System.status(file)
            if status.type == FileType.directory.rawValue {
                try listDirectory(file, path, isLong)
            } else {
                show(path.lastComponent, status, isLong)
            }
            try System.close(file)
            return 0
        } catch {
            complain("\(path): \(error)")
            return 1
        }
    }

    private static func show(_ name: [UInt8], _ status: FileStatus, _ isLong: Bool) {
        if isLong {
            let letter: StaticString =
                status.type == FileType.directory.rawValue ? "d" : status.type == FileType.device.rawValue ? "c" : "-"
            let time = status.modified == 0 ? padded("-", 16) : shortDateText(UInt64(status.modified))
            print(
                "\(letter) \(status.linkCount, width: 4) \(status.size, width: 10) \(time) \(standardOutput.shown(name))"
            )
            return
        }
        print("\(standardOutput.shown(name), width: Limit.name) \(status.type) \(status.inode) \(status.size)")
    }

    private static func listDirectory(_ directory: FileDescriptor, _ path: Path, _ isLong: Bool) throws(SystemError) {
        var reader = DirectoryReader(directory, givesDots: true)
        while let name = try reader.next() {
            do throws(SystemError) {
                show(name, try status(of: path.appending(name)), isLong)
            } catch {
                complain("\(name): \(error)")
            }
        }
    }
}
