# Elixir's Registry on the rows of the comparison: prints row, contender and nanoseconds, one round to a line.
#
#     elixir registry.exs

Code.require_file("rounds.exs", __DIR__)

defmodule Lookups do
  # The loops are compiled: a closure in a script would be interpreted.
  def found(_registry, _keys, _size, _at, 0), do: :ok

  def found(registry, keys, size, at, n) do
    [{_pid, _value}] = Registry.lookup(registry, :erlang.element(rem(at, size) + 1, keys))
    found(registry, keys, size, at + 1, n - 1)
  end

  def missed(_registry, _key, 0), do: :ok

  def missed(registry, key, n) do
    [] = Registry.lookup(registry, key)
    missed(registry, key, n - 1)
  end

  # What a lookup costs when it also times itself and emits an event that nobody has attached a handler to: two
  # readings of the clock, and a look into the table of handlers, as the `telemetry` package has one.
  def told(_registry, _keys, _size, _at, 0), do: :ok

  def told(registry, keys, size, at, n) do
    key = :erlang.element(rem(at, size) + 1, keys)
    begin = :erlang.monotonic_time()
    [{_pid, _value}] = Registry.lookup(registry, key)
    emit([:registry, :lookup], %{duration: :erlang.monotonic_time() - begin}, %{registry: registry, key: key})
    told(registry, keys, size, at + 1, n - 1)
  end

  def both(_registry, _key, 0), do: :ok

  def both(registry, key, n) do
    {:ok, _} = Registry.register(registry, key, nil)
    :ok = Registry.unregister(registry, key)
    both(registry, key, n - 1)
  end

  # From the dispatch until the last of the members has the message.
  def dispatched(_registry, _group, _members, _delivered, 0), do: :ok

  def dispatched(registry, group, members, delivered, n) do
    :atomics.put(delivered, 1, 0)
    Registry.dispatch(registry, group, fn entries -> for {pid, _} <- entries, do: send(pid, :message) end)
    await(delivered, members)
    dispatched(registry, group, members, delivered, n - 1)
  end

  def listen(delivered) do
    receive do: (:message -> :atomics.add(delivered, 1, 1))
    listen(delivered)
  end

  defp await(delivered, members) do
    if :atomics.get(delivered, 1) < members do
      :erlang.yield()
      await(delivered, members)
    end
  end

  defp emit(event, measurements, metadata) do
    for {_event, handler} <- :ets.lookup(:handlers, event), do: handler.(event, measurements, metadata)
    :ok
  end
end

:ets.new(:handlers, [:duplicate_bag, :public, :named_table, read_concurrency: true])

for size <- [10, 1_000, 100_000] do
  registry = :"registry_#{size}"
  {:ok, supervisor} = Registry.start_link(keys: :unique, name: registry, partitions: System.schedulers_online())
  me = self()
  keys = for i <- Enum.shuffle(1..size), do: {:production, :"service_#{i}"}

  holders =
    for key <- keys do
      spawn(fn ->
        {:ok, _} = Registry.register(registry, key, nil)
        send(me, :registered)
        receive do: (:stop -> :ok)
      end)
    end

  for _ <- holders, do: (receive do: (:registered -> :ok))

  if size == 100_000 do
    tables =
      for {_, pid, _, _} <- Supervisor.which_children(supervisor),
          table <- :ets.all(),
          :ets.info(table, :owner) in [pid, supervisor],
          uniq: true,
          do: table

    words = tables |> Enum.map(&:ets.info(&1, :memory)) |> Enum.sum()
    Rounds.print("bytes per service, name of 20 bytes", "Elixir", words * :erlang.system_info(:wordsize) / size)
  end

  all = List.to_tuple(keys)

  for processes <- [1, 2] do
    row = fn what -> "lookup #{what} n=#{size} t=#{processes}" end
    run = fn what, loop -> Rounds.run(row.(what), "Elixir", processes, 40_000, loop) end
    run.("hit", fn i, n -> Lookups.found(registry, all, size, i * 7919, n) end)
    run.("hot key", fn _, n -> Lookups.found(registry, all, 1, 0, n) end)
    run.("miss", fn _, n -> Lookups.missed(registry, {:production, :absent_service}, n) end)

    Rounds.run(row.("hit"), "Elixir with a telemetry event", processes, 40_000, fn i, n ->
      Lookups.told(registry, all, size, i * 7919, n)
    end)

    if size == 1_000 do
      Rounds.run("register + unregister t=#{processes}", "Elixir", processes, 10_000, fn _, n ->
        Lookups.both(registry, {:fresh, make_ref()}, n)
      end)
    end
  end

  for holder <- holders, do: Process.exit(holder, :kill)
  Process.sleep(200)
end

{:ok, _} = Registry.start_link(keys: :duplicate, name: :groups, partitions: System.schedulers_online())
delivered = :atomics.new(1, [])
me = self()

for _ <- 1..100 do
  spawn_link(fn ->
    {:ok, _} = Registry.register(:groups, "listeners", nil)
    send(me, :registered)
    Lookups.listen(delivered)
  end)
end

for _ <- 1..100, do: (receive do: (:registered -> :ok))

Rounds.run("dispatch to 100, delivered", "Elixir", 1, 2_000, fn _, n ->
  Lookups.dispatched(:groups, "listeners", 100, delivered, n)
end)
