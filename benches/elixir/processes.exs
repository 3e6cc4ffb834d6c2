# GenServer and DynamicSupervisor on the rows of the comparison: prints row, contender and value, one round to a line.
#
#     elixir processes.exs

Code.require_file("rounds.exs", __DIR__)
Logger.configure(level: :none)

defmodule Echo do
  use GenServer

  def start_link(options), do: GenServer.start_link(__MODULE__, options, Keyword.take(options, [:name]))

  def init(options) do
    if options[:up], do: send(options[:up], {:up, self()})
    {:ok, nil}
  end

  def handle_call(:ping, _from, state), do: {:reply, 1, state}
  def handle_cast(:crash, _state), do: raise("told to")
end

defmodule Processes do
  def call(_server, 0), do: :ok

  def call(server, n) do
    1 = GenServer.call(server, :ping)
    call(server, n - 1)
  end

  def look_up_and_call(_key, 0), do: :ok

  def look_up_and_call(key, n) do
    [{server, _}] = Registry.lookup(Names, key)
    1 = GenServer.call(server, :ping)
    look_up_and_call(key, n - 1)
  end

  def start(_supervisor, 0), do: :ok

  def start(supervisor, n) do
    {:ok, _} = DynamicSupervisor.start_child(supervisor, {Echo, []})
    start(supervisor, n - 1)
  end

  def start_named(_supervisor, []), do: :ok

  def start_named(supervisor, [name | names]) do
    {:ok, _} = DynamicSupervisor.start_child(supervisor, {Echo, [name: name]})
    start_named(supervisor, names)
  end

  # Two processes start children at the same time, each where the function says.
  def start_from_two(n, start_one) do
    me = self()
    begin = Rounds.now()

    for i <- 0..1 do
      spawn_link(fn ->
        for key <- i..(n - 1)//2, do: {:ok, _} = start_one.(key)
        send(me, :started)
      end)
    end

    for _ <- 0..1, do: (receive do: (:started -> :ok))
    (Rounds.now() - begin) / n
  end

  # Runs it in a process that owns the supervisors it starts, and kills those that it returns. Stopping 100,000 children in
  # order takes this release minutes, and so does the end of a supervisor whose owner is killed: in the background of
  # whatever is measured next.
  def aside(fun) do
    Task.await(
      Task.async(fn ->
        Process.flag(:trap_exit, true)
        supervisors = fun.()
        watches = for supervisor <- supervisors, do: Process.monitor(supervisor)
        for supervisor <- supervisors, do: Process.exit(supervisor, :kill)
        for watch <- watches, do: (receive do: ({:DOWN, ^watch, _, _, _} -> :ok))
      end),
      :infinity
    )
  end

  def route(_keys, _size, 0), do: :ok

  def route(keys, size, n) do
    name = {:via, PartitionSupervisor, {Routed, elem(keys, rem(n, size))}}
    true = is_pid(GenServer.whereis(name))
    route(keys, size, n - 1)
  end

  # The first of a group tells first that it is up, and is the one that crashes next.
  def crash_group(first, _size, 0), do: first

  def crash_group(first, size, n) do
    GenServer.cast(first, :crash)
    crash_group(first_up(size), size, n - 1)
  end

  def first_up(size) do
    first = receive do: ({:up, first} -> first)
    for _ <- 2..size, do: (receive do: ({:up, _} -> :ok))
    first
  end

  # The name is the next process's when its init runs.
  def crash(_server, 0), do: :ok

  def crash(server, n) do
    GenServer.cast(server, :crash)
    receive do: ({:up, next} -> crash(next, n - 1))
  end
end

{:ok, _} = Registry.start_link(keys: :unique, name: Names, partitions: System.schedulers_online())
named = fn key -> {:via, Registry, {Names, {:production, key}}} end

{:ok, echo} = Echo.start_link(name: named.(:echo))
Rounds.run("call", "Elixir", 1, 40_000, fn _, n -> Processes.call(echo, n) end)

Rounds.run("look up and call", "Elixir", 1, 40_000, fn _, n ->
  Processes.look_up_and_call({:production, :echo}, n)
end)

for size <- [1_000, 100_000] do
  Processes.aside(fn ->
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    :erlang.garbage_collect()
    before = :erlang.memory(:total)
    Processes.start(supervisor, size)
    Rounds.print("bytes per child n=#{size}", "Elixir", (:erlang.memory(:total) - before) / size)

    for _ <- 1..5 do
      begin = Rounds.now()
      Processes.start(supervisor, 500)
      Rounds.print("start child among n=#{size}", "Elixir", (Rounds.now() - begin) / 500)
    end

    if size == 1_000 do
      begin = Rounds.now()
      DynamicSupervisor.stop(supervisor, :normal, :infinity)
      Rounds.print("stop all children, each n=#{size}", "Elixir", (Rounds.now() - begin) / (size + 2_500))
      []
    else
      [supervisor]
    end
  end)
end

{:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one, max_restarts: 10_000_000, max_seconds: 1)
{:ok, victim} = DynamicSupervisor.start_child(supervisor, {Echo, [name: named.(:victim), up: self()]})
receive do: ({:up, ^victim} -> :ok)

{_, _} =
  Enum.map_reduce(1..7, victim, fn _, _ ->
    [{server, _}] = Registry.lookup(Names, {:production, :victim})
    begin = Rounds.now()
    Processes.crash(server, 300)
    Rounds.print("panic to new incarnation", "Elixir", (Rounds.now() - begin) / 300)
    {:ok, server}
  end)

{:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
names = for n <- 1..500, do: named.({:named, n})

for _ <- 1..7 do
  begin = Rounds.now()
  Processes.start_named(supervisor, names)
  Rounds.print("start named child", "Elixir", (Rounds.now() - begin) / 500)

  for {_, child, _, _} <- DynamicSupervisor.which_children(supervisor) do
    :ok = DynamicSupervisor.terminate_child(supervisor, child)
  end

  # A name is free when the registry has heard of the end.
  for {:via, _, {_, key}} <- names do
    Stream.repeatedly(fn -> Registry.lookup(Names, key) end) |> Enum.find(&(&1 == []))
  end
end

{:ok, _} = PartitionSupervisor.start_link(child_spec: {Echo, []}, name: Routed, partitions: 8)
keys = List.to_tuple(for n <- 0..1_023, do: "user_" <> String.pad_leading(Integer.to_string(n), 6, "0"))
Rounds.run("route by key", "Elixir", 1, 100_000, fn _, n -> Processes.route(keys, tuple_size(keys), n) end)

for _ <- 1..3 do
  Processes.aside(fn ->
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    start_one = fn _ -> DynamicSupervisor.start_child(supervisor, {Echo, []}) end
    Rounds.print("start from two tasks n=100000", "Elixir", Processes.start_from_two(100_000, start_one))
    [supervisor]
  end)

  Processes.aside(fn ->
    {:ok, top} = PartitionSupervisor.start_link(child_spec: DynamicSupervisor, name: Starters, partitions: 8)
    via = fn key -> {:via, PartitionSupervisor, {Starters, key}} end
    start_one = fn key -> DynamicSupervisor.start_child(via.(key), {Echo, []}) end
    value = Processes.start_from_two(100_000, start_one)
    Rounds.print("start from two tasks n=100000", "Elixir, 8 partitions", value)
    # The top first, so that none is restarted.
    [top | for({_, partition, _, _} <- PartitionSupervisor.which_children(Starters), do: partition)]
  end)
end

for _ <- 1..3 do
  Processes.aside(fn ->
    {:ok, supervisor} = Task.Supervisor.start_link()
    size = 100_000
    :erlang.garbage_collect()
    before = :erlang.memory(:total)
    begin = Rounds.now()
    tasks = for _ <- 1..size, do: Task.Supervisor.async_nolink(supervisor, fn -> receive do: (:go -> 1) end)
    Rounds.print("start task among n=100000", "Elixir", (Rounds.now() - begin) / size)
    Rounds.print("bytes per task n=100000", "Elixir", (:erlang.memory(:total) - before) / size)
    begin = Rounds.now()
    for task <- tasks, do: send(task.pid, :go)
    ^size = tasks |> Enum.map(&Task.await(&1, :infinity)) |> Enum.sum()
    Rounds.print("end of tasks, each n=100000", "Elixir", (Rounds.now() - begin) / size)
    [supervisor]
  end)
end

for size <- [10, 100, 1_000] do
  me = self()
  children = for n <- 1..size, do: Supervisor.child_spec({Echo, [up: me]}, id: n)
  options = [strategy: :one_for_all, max_restarts: 10_000_000, max_seconds: 1]
  {:ok, supervisor} = Supervisor.start_link(children, options)
  first = Processes.first_up(size)
  restarts = div(3_000, size)

  {_, _} =
    Enum.map_reduce(1..5, first, fn _, first ->
      begin = Rounds.now()
      first = Processes.crash_group(first, size, restarts)
      Rounds.print("restart of a group n=#{size}", "Elixir", (Rounds.now() - begin) / restarts)
      {:ok, first}
    end)

  Supervisor.stop(supervisor, :normal, :infinity)
end
